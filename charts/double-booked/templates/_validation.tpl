{{/* Reject values that contradict each other, which a schema cannot check. */}}
{{- define "double-booked.validate" -}}
{{- include "double-booked.validateName" . -}}
{{- if not (or .Values.service.enabled .Values.operator.enabled .Values.spark.enabled) -}}
{{- fail "service.enabled, operator.enabled and spark.enabled are all false, so there is nothing to install: set one of them to true." -}}
{{- end -}}
{{- include "double-booked.validateLabels" . -}}
{{- include "double-booked.validateSiblings" . -}}
{{- if .Values.service.enabled -}}
{{- include "double-booked.validateTls" . -}}
{{- include "double-booked.validateRoutes" . -}}
{{- include "double-booked.validatePod" . -}}
{{- include "double-booked.validateService" . -}}
{{- include "double-booked.validateCertificate" . -}}
{{- include "double-booked.validateIngress" . -}}
{{- include "double-booked.validateGateway" . -}}
{{- end -}}
{{- include "double-booked.validateMonitors" . -}}
{{- include "double-booked.validateFamilies" . -}}
{{- include "double-booked.validateOperator" . -}}
{{- include "double-booked.validateSecurity" . -}}
{{- if .Values.operator.enabled -}}
{{- include "double-booked.validateOperatorPod" . -}}
{{- end -}}
{{- if .Values.spark.enabled -}}
{{- include "double-booked.validateSpark" . -}}
{{- end -}}
{{- include "double-booked.validateAlone" . -}}
{{- include "double-booked.validateDefinitions" . -}}
{{- include "double-booked.validateApis" . -}}
{{- end -}}

{{- define "double-booked.validateName" -}}
{{- $name := include "double-booked.fullname" . -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) -}}
{{- fail (printf "the name of the release makes %q the name of a Service, which has to begin with a letter and may consist of lower-case letters, digits and \"-\" only: set fullnameOverride, or choose another name for the release." $name) -}}
{{- end -}}
{{- if eq (toString .Values.enabled) "false" -}}
{{- fail "enabled is false, but the chart is installed: only a parent chart can leave it out, with `condition: ALIAS.enabled` in its dependency." -}}
{{- end -}}
{{- end -}}

{{/*
Fail if another alias of this chart in the same parent has an object of the same name, or an operator for the same
namespaces. All charts share one .Release object, in which each chart stores its names for the next one.
*/}}
{{- define "double-booked.validateSiblings" -}}
{{- $alias := include "double-booked.alias" . -}}
{{- $siblings := index .Release "double-booked" | default dict -}}
{{- $names := include "double-booked.names" . | fromYamlArray -}}
{{- $selector := ternary (include "double-booked.namespaceSelector" . | fromYaml) nil .Values.operator.enabled -}}
{{- range $other, $its := $siblings -}}
{{- range $name := $names -}}
{{- if has $name $its.names -}}
{{- fail (printf "the subcharts %s and %s would both have objects named %s: set another nameOverride or fullnameOverride for one of them." $other $alias $name) -}}
{{- end -}}
{{- end -}}
{{- if and (not (kindIs "invalid" $selector)) (not (kindIs "invalid" $its.selector)) -}}
{{- if ne $.Values.crds.keep $its.keep -}}
{{- fail (printf "crds.keep is true for one of the subcharts %s and %s and false for the other, but both use the same definitions: set it alike for both." $other $alias) -}}
{{- end -}}
{{- if include "double-booked.selectorsOverlap" (list $selector $its.selector) -}}
{{- fail (printf "operator.enabled: the operators of the subcharts %s and %s would review the same namespaces and reject each other's Bookings: enable one of them only, or give each other namespaces in operator.watchNamespaces." $other $alias) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $_ := set $siblings $alias (dict "names" $names "selector" $selector "keep" .Values.crds.keep) -}}
{{- $_ := set .Release "double-booked" $siblings -}}
{{- end -}}

{{/* The names of objects in their namespace. */}}
{{- define "double-booked.names" -}}
{{- $name := include "double-booked.fullname" . -}}
{{- $operator := include "double-booked.operatorName" . -}}
{{- $names := list -}}
{{- if .Values.service.enabled -}}
{{- $names = list $name (printf "%s-headless" $name) (printf "%s-metrics" $name) (printf "%s-test" $name) -}}
{{- end -}}
{{- if .Values.operator.enabled -}}
{{- $names = concat $names (list $operator (printf "%s-metrics" $operator)) -}}
{{- end -}}
{{- if .Values.spark.enabled -}}
{{- $names = append $names (include "double-booked.sparkName" .) -}}
{{- end -}}
{{- $qualified := list -}}
{{- range append $names (printf "%s-dashboard" $name) -}}
{{- $qualified = append $qualified (printf "%s/%s" (include "double-booked.namespace" $) .) -}}
{{- end -}}
{{- if and .Values.service.enabled .Values.serviceAccount.create -}}
{{- $qualified = append $qualified (printf "ServiceAccount %s/%s" (include "double-booked.namespace" .) (include "double-booked.serviceAccountName" .)) -}}
{{- end -}}
{{- if and .Values.operator.enabled .Values.operator.serviceAccount.create -}}
{{- $qualified = append $qualified (printf "ServiceAccount %s/%s" (include "double-booked.namespace" .) (include "double-booked.operatorServiceAccountName" .)) -}}
{{- end -}}
{{- if and .Values.spark.enabled .Values.spark.serviceAccount.create -}}
{{- range list (include "double-booked.sparkServiceAccountName" .) (include "double-booked.sparkExecutorServiceAccountName" .) -}}
{{- $qualified = append $qualified (printf "ServiceAccount %s/%s" (include "double-booked.namespace" $) .) -}}
{{- end -}}
{{- end -}}
{{- toYaml $qualified -}}
{{- end -}}

{{- define "double-booked.validateLabels" -}}
{{- range $label, $_ := .Values.commonLabels -}}
{{- if or (has $label (list "app.kubernetes.io/component" "app.kubernetes.io/managed-by")) (hasPrefix "rbac.authorization.k8s.io/" $label) -}}
{{- fail (printf "commonLabels sets %s, but Helm, ServiceMonitors or Kubernetes select objects by that label: choose another name." $label) -}}
{{- end -}}
{{- end -}}
{{- range $name, $labels := pick .Values "podLabels" "commonLabels" -}}
{{- range $label := keys (include "double-booked.selector" $ | fromYaml) -}}
{{- if hasKey $labels $label -}}
{{- fail (printf "%s sets %s, but Services and the Deployment select pods by that label: choose another name." $name $label) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "double-booked.validateTls" -}}
{{- $tls := .Values.tls -}}
{{- $protocol := .Values.service.backendProtocol -}}
{{- if and (not $tls.enabled) (ne $tls.source "selfSigned") -}}
{{- fail (printf "tls.source is %s, but tls.enabled is false, so no certificate is used: set tls.enabled=true, or leave tls.source out." $tls.source) -}}
{{- end -}}
{{- if and $tls.enabled (eq $tls.source "existingSecret") (not $tls.existingSecret) -}}
{{- fail "tls.source is existingSecret, but tls.existingSecret is empty: name a Secret of type kubernetes.io/tls." -}}
{{- end -}}
{{- if and $tls.enabled (eq $tls.source "certManager") (not $tls.certManager.issuerRef.name) -}}
{{- fail "tls.source is certManager, but tls.certManager.issuerRef.name is empty: name an Issuer or a ClusterIssuer." -}}
{{- end -}}
{{- if and $tls.existingSecret (ne $tls.source "existingSecret") -}}
{{- fail (printf "tls.existingSecret is set, but tls.source is %s: set tls.source=existingSecret, or leave the Secret out." $tls.source) -}}
{{- end -}}
{{- if and $tls.clientCA.existingSecret (not $tls.enabled) -}}
{{- fail "tls.clientCA.existingSecret needs tls.enabled=true: callers can show a certificate only over TLS." -}}
{{- end -}}
{{- if and (eq $protocol "HTTP2") (not $tls.enabled) -}}
{{- fail "service.backendProtocol=HTTP2 is HTTP/2 over TLS, but tls.enabled is false: turn TLS on, or use h2c." -}}
{{- end -}}
{{- if and (eq $protocol "h2c") $tls.enabled -}}
{{- fail "service.backendProtocol=h2c is HTTP/2 without TLS, but tls.enabled is true: turn TLS off, or use HTTP2." -}}
{{- end -}}
{{- end -}}

{{- define "double-booked.validateRoutes" -}}
{{- if and .Values.ingress.enabled (not .Values.tls.enabled) -}}
{{- fail "ingress.enabled needs tls.enabled=true: GKE's Ingress speaks HTTP/2 to pods only over TLS, so without it every call would end in a 502. A self-signed certificate will do." -}}
{{- end -}}
{{- if and .Values.ingress.enabled .Values.tls.clientCA.existingSecret -}}
{{- fail "ingress.enabled and tls.clientCA.existingSecret exclude each other: GKE's load balancer shows the pods no certificate." -}}
{{- end -}}
{{- if and .Values.ingress.managedCertificate (not .Values.ingress.host) -}}
{{- fail "ingress.managedCertificate needs ingress.host: Google makes a certificate for a name." -}}
{{- end -}}
{{- if and .Values.gateway.enabled (not .Values.gateway.parentRefs) -}}
{{- fail "gateway.enabled needs gateway.parentRefs: name the Gateway to attach to, as in [{name: my-gateway}]." -}}
{{- end -}}
{{- end -}}

{{- define "double-booked.validateOperator" -}}
{{- $operator := .Values.operator -}}
{{- include "double-booked.validateContainers" (dict "path" "operator." "own" "operator" "values" $operator) -}}
{{- if and $operator.enabled (eq $operator.certificate.source "certManager") (not $operator.certificate.certManager.issuerRef.name) -}}
{{- fail "operator.certificate.source is certManager, but operator.certificate.certManager.issuerRef.name is empty: name an Issuer or a ClusterIssuer." -}}
{{- end -}}
{{- if and $operator.watchNamespaces $operator.namespaceSelector -}}
{{- fail "operator.watchNamespaces and operator.namespaceSelector exclude each other: only watched namespaces can be reviewed, so watchNamespaces sets the selector." -}}
{{- end -}}
{{- if and (not $operator.serviceAccount.create) (not $operator.serviceAccount.name) -}}
{{- fail "operator.serviceAccount.create is false, but operator.serviceAccount.name is empty: name a ServiceAccount, as the rights of the operator are not for `default`." -}}
{{- end -}}
{{- range $label := keys (include "double-booked.operatorSelector" . | fromYaml) -}}
{{- if hasKey $operator.podLabels $label -}}
{{- fail (printf "operator.podLabels sets %s, but the Service and the Deployment select pods by that label: choose another name." $label) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
Fail if an upgrade without the definitions would delete them. Definitions with the annotation `keep` stay, so only
crds.keep=false needs a lookup in the cluster, and the right to read definitions.
*/}}
{{- define "double-booked.validateDefinitions" -}}
{{- if not (or .Values.crds.keep (and .Values.operator.enabled (include "double-booked.hasDefinitions" .))) -}}
{{- $lacking := ternary "crds.enabled" "operator.enabled" .Values.operator.enabled -}}
{{- $live := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" "bookings.double-booked.io" | default dict -}}
{{- $annotations := dig "metadata" "annotations" dict $live -}}
{{- $release := index $annotations "meta.helm.sh/release-name" | default "" -}}
{{- $namespace := index $annotations "meta.helm.sh/release-namespace" | default "" -}}
{{- if and (eq $release .Release.Name) (eq $namespace .Release.Namespace) (not (hasKey $annotations "helm.sh/resource-policy")) -}}
{{- fail (printf "%s=false with crds.keep=false would delete the definitions, and with them every Calendar and Booking: first upgrade with crds.keep=true and %s=true." $lacking $lacking) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
Fail if another operator reviews the same namespaces. Without a cluster (helm template), lookup finds nothing.
A configuration under a former name of this release is ignored: Helm deletes it after this upgrade.
*/}}
{{- define "double-booked.validateAlone" -}}
{{- $root := . -}}
{{- if .Values.operator.enabled -}}
{{- $own := include "double-booked.namespaceSelector" . | fromYaml -}}
{{- $taken := "" -}}
{{- range (lookup "admissionregistration.k8s.io/v1" "ValidatingWebhookConfiguration" "" "").items -}}
{{- $annotations := .metadata.annotations | default dict -}}
{{- $release := index $annotations "meta.helm.sh/release-name" | default "" -}}
{{- $namespace := index $annotations "meta.helm.sh/release-namespace" | default "" -}}
{{- $isOwn := and (eq $release $root.Release.Name) (eq $namespace $root.Release.Namespace) -}}
{{- if not $release -}}
{{- $isOwn = eq .metadata.name (include "double-booked.operatorClusterName" $root) -}}
{{- end -}}
{{- $configuration := .metadata.name -}}
{{- if and (not $isOwn) (ne $release "") (eq .metadata.name (include "double-booked.operatorClusterName" $root)) -}}
{{- $taken = printf "operator.enabled: the ValidatingWebhookConfiguration %s belongs to release %s in namespace %s, and names are unique in the cluster: set fullnameOverride to a name that no other release has." .metadata.name $release $namespace -}}
{{- end -}}
{{- range $webhook := ternary (list) (.webhooks | default list) $isOwn -}}
{{- $overlaps := include "double-booked.selectorsOverlap" (list $own ($webhook.namespaceSelector | default dict)) -}}
{{- if and (has $webhook.name (list "bookings.double-booked.io" "calendars.double-booked.io")) $overlaps -}}
{{- $remedy := ternary (printf "uninstall that one (helm uninstall %s -n %s)" $release $namespace) "delete that one" (ne $release "") -}}
{{- fail (printf "operator.enabled: the ValidatingWebhookConfiguration %s of another operator already sends reviews of namespaces that this release would review too, and two operators reject each other's Bookings: %s, or give each operator other namespaces in operator.watchNamespaces." $configuration $remedy) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with $taken }}{{ fail . }}{{ end -}}
{{- end -}}
{{- end -}}

{{/* Whether two namespaceSelectors certainly select a namespace in common. */}}
{{- define "double-booked.selectorsOverlap" -}}
{{- $first := include "double-booked.selectedNames" (index . 0) | fromYaml -}}
{{- $second := include "double-booked.selectedNames" (index . 1) | fromYaml -}}
{{- if or $first.all $second.all -}}
true
{{- else -}}
{{- range $first.names -}}
{{- if has . ($second.names | default list) }}true{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* `all`, or the `names` that a selector lists, or neither if it selects by other labels. */}}
{{- define "double-booked.selectedNames" -}}
{{- $labels := .matchLabels | default dict -}}
{{- $expressions := .matchExpressions | default list -}}
{{- $name := "kubernetes.io/metadata.name" -}}
{{- if not (or $labels $expressions) -}}
all: true
{{- else if and (eq (len $labels) 1) (not $expressions) (hasKey $labels $name) -}}
names: [{{ index $labels $name | quote }}]
{{- else if and (not $labels) (eq (len $expressions) 1) -}}
{{- $only := first $expressions -}}
{{- if and (eq $only.key $name) (eq $only.operator "In") -}}
names: {{ toJson $only.values }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "double-booked.validateApis" -}}
{{- $required := list -}}
{{- if .Values.service.enabled -}}
{{- if .Values.ingress.enabled -}}
{{- $required = append $required (list "ingress.enabled" "cloud.google.com/v1/BackendConfig" "it is part of GKE") -}}
{{- end -}}
{{- if and .Values.ingress.enabled .Values.ingress.managedCertificate -}}
{{- $required = append $required (list "ingress.managedCertificate" "networking.gke.io/v1/ManagedCertificate" "it is part of GKE") -}}
{{- end -}}
{{- if and .Values.ingress.enabled .Values.ingress.sslPolicy -}}
{{- $required = append $required (list "ingress.sslPolicy" "networking.gke.io/v1beta1/FrontendConfig" "it is part of GKE") -}}
{{- end -}}
{{- if .Values.gateway.enabled -}}
{{- $required = append $required (list "gateway.enabled" (printf "gateway.networking.k8s.io/v1/%s" .Values.gateway.routeKind) "install the Gateway API, or turn it on in GKE") -}}
{{- end -}}
{{- if and .Values.gateway.enabled .Values.gateway.gkePolicies -}}
{{- $required = append $required (list "gateway.gkePolicies" "networking.gke.io/v1/HealthCheckPolicy" "it is part of GKE, so set gateway.gkePolicies=false elsewhere") -}}
{{- end -}}
{{- if and .Values.tls.enabled (eq .Values.tls.source "certManager") -}}
{{- $required = append $required (list "tls.source=certManager" "cert-manager.io/v1/Certificate" "install cert-manager") -}}
{{- end -}}
{{- end -}}
{{- if and .Values.operator.enabled (eq .Values.operator.certificate.source "certManager") -}}
{{- $required = append $required (list "operator.certificate.source=certManager" "cert-manager.io/v1/Certificate" "install cert-manager") -}}
{{- end -}}
{{- if and .Values.operator.enabled .Values.operator.flowSchema.enabled -}}
{{- $required = append $required (list "operator.flowSchema.enabled" "flowcontrol.apiserver.k8s.io/v1/FlowSchema" "set operator.flowSchema.enabled=false") -}}
{{- end -}}
{{- if and .Values.operator.enabled (not (include "double-booked.hasDefinitions" .)) -}}
{{- $required = append $required (list "operator.enabled" "double-booked.io/v1alpha1/Ledger" "set crds.enabled=true, or install the definitions of this version by other means") -}}
{{- end -}}
{{- if .Values.spark.enabled -}}
{{- if eq .Values.spark.operator "apache" -}}
{{- $required = append $required (list "spark.operator=apache" "spark.apache.org/v1/SparkApplication" "install Apache's Spark operator") -}}
{{- else -}}
{{- $required = append $required (list "spark.enabled" "sparkoperator.k8s.io/v1beta2/SparkApplication" "install Kubeflow's Spark operator") -}}
{{- end -}}
{{- end -}}
{{- if .Values.metrics.serviceMonitor.enabled -}}
{{- $required = append $required (list "metrics.serviceMonitor.enabled" "monitoring.coreos.com/v1/ServiceMonitor" "install the Prometheus operator") -}}
{{- end -}}
{{- if .Values.metrics.podMonitor.enabled -}}
{{- $required = append $required (list "metrics.podMonitor.enabled" "monitoring.coreos.com/v1/PodMonitor" "install the Prometheus operator") -}}
{{- end -}}
{{- if .Values.metrics.prometheusRule.enabled -}}
{{- $required = append $required (list "metrics.prometheusRule.enabled" "monitoring.coreos.com/v1/PrometheusRule" "install the Prometheus operator") -}}
{{- end -}}
{{- if .Values.metrics.podMonitoring.enabled -}}
{{- $required = append $required (list "metrics.podMonitoring.enabled" "monitoring.googleapis.com/v1/PodMonitoring" "turn managed collection on in GKE") -}}
{{- end -}}
{{- range $required -}}
{{- include "double-booked.requireApi" (dict "root" $ "value" (index . 0) "api" (index . 1) "help" (index . 2)) -}}
{{- end -}}
{{- end -}}
