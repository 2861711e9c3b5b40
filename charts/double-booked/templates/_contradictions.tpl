{{/* Reject values that the API server, the kubelet or GKE would reject later. */}}
{{- define "double-booked.validatePod" -}}
{{- include "double-booked.validateResources" (dict "name" "resources" "resources" .Values.resources) -}}
{{- include "double-booked.validateMemory" . -}}
{{- include "double-booked.validateReplicas" . -}}
{{- include "double-booked.validateBudget" (dict "path" "" "budget" .Values.podDisruptionBudget "replicas" (ternary .Values.autoscaling.minReplicas .Values.replicaCount .Values.autoscaling.enabled)) -}}
{{- include "double-booked.validateStart" . -}}
{{- include "double-booked.validateSpread" (dict "path" "" "constraints" .Values.topologySpreadConstraints) -}}
{{- include "double-booked.validateArguments" . -}}
{{- include "double-booked.validateVolumes" . -}}
{{- include "double-booked.validateContainers" (dict "path" "" "own" "double-booked" "values" .Values) -}}
{{- include "double-booked.validateEnv" (dict "name" "extraEnv" "extra" .Values.extraEnv "owned" (include "double-booked.ownedEnv" . | fromYaml)) -}}
{{- end -}}

{{/* Kubernetes does not share or overcommit devices, such as GPUs. */}}
{{- define "double-booked.validateResources" -}}
{{- $limits := .resources.limits | default dict -}}
{{- range $kind, $request := .resources.requests | default dict -}}
{{- if and (contains "/" $kind) (ne (toString $request) (toString (index $limits $kind))) -}}
{{- fail (printf "%s.requests has %s, which needs the same number in %s.limits: set it there too." $.name $kind $.name) -}}
{{- end -}}
{{- if hasKey $limits $kind -}}
{{- $limit := index $limits $kind -}}
{{- if gt (include "double-booked.quantity" $request | float64) (include "double-booked.quantity" $limit | float64) -}}
{{- fail (printf "%s.requests.%s is %v, more than %s.limits.%s, which is %v: raise the limit, or request less." $.name $kind $request $.name $kind $limit) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The memory limit must cover the budget for large requests and the rest of the server. */}}
{{- define "double-booked.validateMemory" -}}
{{- $budget := .Values.settings.maxBytesInFlight -}}
{{- $limit := (.Values.resources.limits | default dict).memory -}}
{{- if and $budget $limit -}}
{{- $needed := addf 134217728.0 (mulf 5.0 $budget) -}}
{{- if gt $needed (include "double-booked.quantity" $limit | float64) -}}
{{- fail (printf "settings.maxBytesInFlight needs resources.limits.memory of 128 MiB and five times its bytes, which is %.0f bytes, but the limit is %v: raise the limit, or lower the budget." $needed $limit) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "double-booked.validateReplicas" -}}
{{- $scaling := .Values.autoscaling -}}
{{- $resources := .Values.resources -}}
{{- $rolling := .Values.strategy.rollingUpdate -}}
{{- $none := list "0" "0%" -}}
{{- if and $scaling.enabled (gt (int $scaling.minReplicas) (int $scaling.maxReplicas)) -}}
{{- fail (printf "autoscaling.minReplicas is %v, more than autoscaling.maxReplicas, which is %v: raise the maximum, or lower the minimum." $scaling.minReplicas $scaling.maxReplicas) -}}
{{- end -}}
{{- if and $scaling.enabled (not (or $scaling.targetCPUUtilizationPercentage $scaling.targetMemoryUtilizationPercentage $scaling.metrics)) -}}
{{- fail "autoscaling.enabled needs something to scale on: set autoscaling.targetCPUUtilizationPercentage, autoscaling.targetMemoryUtilizationPercentage or autoscaling.metrics." -}}
{{- end -}}
{{- range $resource, $target := dict "cpu" "targetCPUUtilizationPercentage" "memory" "targetMemoryUtilizationPercentage" -}}
{{- $hasRequest := or (index ($resources.requests | default dict) $resource) (index ($resources.limits | default dict) $resource) -}}
{{- if and $scaling.enabled (index $scaling $target) (not $hasRequest) -}}
{{- fail (printf "autoscaling.%s is a share of resources.requests.%s, which is not set: set it." $target $resource) -}}
{{- end -}}
{{- end -}}
{{- if and (eq .Values.strategy.type "RollingUpdate") (has (toString $rolling.maxUnavailable) $none) (has (toString $rolling.maxSurge) $none) -}}
{{- fail "strategy.rollingUpdate.maxUnavailable and strategy.rollingUpdate.maxSurge are both 0, so no pod could be replaced: raise one of them." -}}
{{- end -}}
{{- end -}}

{{- define "double-booked.validateBudget" -}}
{{- $budget := .budget -}}
{{- $replicas := .replicas -}}
{{- $least := $budget.minAvailable -}}
{{- if $budget.enabled -}}
{{- if and (kindIs "invalid" $least) (has (toString $budget.maxUnavailable) (list "0" "0%")) -}}
{{- fail (printf "%spodDisruptionBudget.maxUnavailable is 0, so no node could be drained: allow at least 1, or set %spodDisruptionBudget.enabled=false." .path .path) -}}
{{- end -}}
{{- $isAll := eq (toString $least) "100%" -}}
{{- if not (or (kindIs "invalid" $least) (kindIs "string" $least) (kindIs "invalid" $replicas)) -}}
{{- $isAll = and (gt (int $replicas) 0) (ge (int $least) (int $replicas)) -}}
{{- end -}}
{{- if $isAll -}}
{{- fail (printf "%spodDisruptionBudget.minAvailable is %v of %v pods, so no node could be drained: keep fewer available, or run more pods." .path $least $replicas) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The server starts within ten seconds, even on a slow node. */}}
{{- define "double-booked.validateStart" -}}
{{- $probe := .Values.startupProbe -}}
{{- $seconds := add (int ($probe.initialDelaySeconds | default 0)) (mul (int $probe.periodSeconds) (int $probe.failureThreshold)) -}}
{{- if lt (int $seconds) 10 -}}
{{- fail (printf "startupProbe lets the server start for %d s (initialDelaySeconds + periodSeconds x failureThreshold) and restarts it then, but a start may take 10 s: raise startupProbe.failureThreshold." (int $seconds)) -}}
{{- end -}}
{{- end -}}

{{- define "double-booked.validateSpread" -}}
{{- $spreads := list -}}
{{- range .constraints -}}
{{- $spreads = append $spreads (printf "%s with %s" .topologyKey .whenUnsatisfiable) -}}
{{- end -}}
{{- with include "double-booked.repeated" $spreads -}}
{{- fail (printf "%stopologySpreadConstraints has %s twice: keep one of them." $.path .) -}}
{{- end -}}
{{- end -}}

{{- define "double-booked.validateSecurity" -}}
{{- $pod := .Values.podSecurityContext -}}
{{- $container := .Values.securityContext -}}
{{- $user := ternary $container.runAsUser $pod.runAsUser (hasKey $container "runAsUser") -}}
{{- $nonRoot := ternary $container.runAsNonRoot $pod.runAsNonRoot (hasKey $container "runAsNonRoot") -}}
{{- if and $nonRoot (eq (toString $user) "0") -}}
{{- fail "runAsUser is 0 and runAsNonRoot is true in podSecurityContext or securityContext, so no container would start: choose a user other than 0, or set runAsNonRoot=false." -}}
{{- end -}}
{{- $added := ($container.capabilities | default dict).add | default list -}}
{{- $isPrivileged := or $container.privileged (has "SYS_ADMIN" $added) (has "CAP_SYS_ADMIN" $added) -}}
{{- if and $isPrivileged (eq (toString $container.allowPrivilegeEscalation) "false") -}}
{{- fail "securityContext.privileged, or the capability SYS_ADMIN, needs securityContext.allowPrivilegeEscalation=true, which is false." -}}
{{- end -}}
{{- end -}}

{{/* Environment variables that other objects depend on, and the chart value to set instead. */}}
{{- define "double-booked.ownedEnv" -}}
SERVICE_HOST: nothing, as Services and probes call port 7070
HEALTH_CHECK_HOST: nothing, as probes and scrapers call port 8080
DRAIN_DELAY: settings.drainDelay
SHUTDOWN_GRACE: settings.shutdownGrace
TLS_CERT_FILE: tls.source and tls.existingSecret
TLS_KEY_FILE: tls.source and tls.existingSecret
TLS_SELF_SIGNED: tls.source
TLS_CLIENT_CA_FILE: tls.clientCA.existingSecret
{{- end -}}

{{- define "double-booked.ownedOperatorEnv" -}}
WEBHOOK_HOST: operator.webhookPort
HEALTH_CHECK_HOST: operator.metricsPort
WATCH_NAMESPACES: operator.watchNamespaces
OPERATOR_NAMESPACE: nothing, as it is the namespace of the pod
LEASE_NAME: fullnameOverride
LEASE_HOLDER: nothing, as it is the uid of the pod
WEBHOOK_CONFIGURATION: fullnameOverride
WEBHOOK_NAMES: fullnameOverride
WEBHOOK_SECRET: fullnameOverride
WEBHOOK_CERT_FILE: operator.certificate.source
WEBHOOK_KEY_FILE: operator.certificate.source
WEBHOOK_CLIENT_CA_FILE: operator.clientCA.existingSecret
{{- end -}}

{{- define "double-booked.validateEnv" -}}
{{- $names := list -}}
{{- range .extra -}}
{{- $names = append $names .name -}}
{{- if hasKey $.owned .name -}}
{{- fail (printf "%s sets %s, which other parts of the chart depend on: set %s instead." $.name .name (index $.owned .name)) -}}
{{- end -}}
{{- end -}}
{{- with include "double-booked.repeated" $names -}}
{{- fail (printf "%s sets %s twice: keep one of them." $.name .) -}}
{{- end -}}
{{- end -}}

{{/* Arguments of `serve` take precedence over its environment, so those that other objects depend on are rejected. */}}
{{- define "double-booked.validateArguments" -}}
{{- if not .Values.command -}}
{{- $owned := include "double-booked.ownedEnv" . | fromYaml -}}
{{- $flags := list -}}
{{- range .Values.extraArgs -}}
{{- $flag := regexFind "^--[^=]+" . -}}
{{- $name := trimPrefix "--" $flag | upper | replace "-" "_" -}}
{{- if hasKey $owned $name -}}
{{- fail (printf "extraArgs sets %s, which other parts of the chart depend on: set %s instead." $flag (index $owned $name)) -}}
{{- end -}}
{{- $flags = concat $flags (compact (list $flag)) -}}
{{- end -}}
{{- with include "double-booked.repeated" $flags -}}
{{- fail (printf "extraArgs sets %s twice: keep one of them." .) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "double-booked.validateVolumes" -}}
{{- $volumes := list -}}
{{- $paths := list -}}
{{- if include "double-booked.tlsSecret" . -}}
{{- $volumes = append $volumes "tls" -}}
{{- $paths = append $paths "/tls" -}}
{{- end -}}
{{- if include "double-booked.clientCASecret" . -}}
{{- $volumes = append $volumes "client-ca" -}}
{{- $paths = append $paths "/client-ca" -}}
{{- end -}}
{{- range .Values.extraVolumes -}}
{{- $volumes = append $volumes .name -}}
{{- end -}}
{{- with include "double-booked.repeated" $volumes -}}
{{- fail (printf "extraVolumes has a second volume named %s: the chart, or another entry, has one. Choose another name." .) -}}
{{- end -}}
{{- range .Values.extraVolumeMounts -}}
{{- $paths = append $paths (clean .mountPath) -}}
{{- if not (has .name $volumes) -}}
{{- fail (printf "extraVolumeMounts mounts %s, which is not a volume of the pod: add it to extraVolumes." .name) -}}
{{- end -}}
{{- end -}}
{{- with include "double-booked.repeated" $paths -}}
{{- fail (printf "extraVolumeMounts has a second mount at %s: the chart, or another entry, has one. Choose another mountPath." .) -}}
{{- end -}}
{{- end -}}

{{- define "double-booked.validateService" -}}
{{- if and (eq .Values.service.type "ClusterIP") .Values.service.nodePort -}}
{{- fail "service.nodePort is set, but service.type is ClusterIP, which has none: set service.type=NodePort, or leave the port out." -}}
{{- end -}}
{{- end -}}

{{/* cert-manager rejects a duration below an hour, and a renewal before the certificate is issued. */}}
{{- define "double-booked.validateCertificate" -}}
{{- $certificate := .Values.tls.certManager -}}
{{- if and .Values.tls.enabled (eq .Values.tls.source "certManager") -}}
{{- $duration := include "double-booked.seconds" $certificate.duration | float64 -}}
{{- $before := include "double-booked.seconds" $certificate.renewBefore | float64 -}}
{{- if lt $duration 3600.0 -}}
{{- fail (printf "tls.certManager.duration is %s, but cert-manager issues no certificate for less than 1h: raise it." $certificate.duration) -}}
{{- end -}}
{{- if lt $before 300.0 -}}
{{- fail (printf "tls.certManager.renewBefore is %s, but cert-manager needs 5m to renew a certificate: raise it." $certificate.renewBefore) -}}
{{- end -}}
{{- if ge $before $duration -}}
{{- fail (printf "tls.certManager.renewBefore is %s, but the certificate lasts only %s (tls.certManager.duration): renew it later, or let it last longer." $certificate.renewBefore $certificate.duration) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "double-booked.validateIngress" -}}
{{- $ingress := .Values.ingress -}}
{{- if $ingress.enabled -}}
{{- $annotations := $ingress.annotations -}}
{{- if hasKey $annotations "kubernetes.io/ingress.class" -}}
{{- fail "ingress.annotations sets kubernetes.io/ingress.class: set ingress.class instead." -}}
{{- end -}}
{{- $isManaged := or $ingress.managedCertificate (hasKey $annotations "networking.gke.io/managed-certificates") -}}
{{- if and $isManaged (eq $ingress.class "gce-internal") -}}
{{- fail "ingress.class is gce-internal, which takes no managed certificate: Google cannot reach the name to verify it. Put a certificate into ingress.tlsSecret." -}}
{{- end -}}
{{- $hasCertificate := or $isManaged $ingress.tlsSecret (hasKey $annotations "ingress.gcp.kubernetes.io/pre-shared-cert") -}}
{{- $allowsHttp := eq (index $annotations "kubernetes.io/ingress.allow-http" | default "false") "true" -}}
{{- if not (or $hasCertificate $allowsHttp) -}}
{{- fail "ingress.enabled needs a certificate, as gRPC's callers use no plain HTTP: set ingress.tlsSecret, ingress.managedCertificate, or the annotation ingress.gcp.kubernetes.io/pre-shared-cert in ingress.annotations." -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "double-booked.validateGateway" -}}
{{- if and .Values.gateway.enabled .Values.gateway.gkePolicies -}}
{{- if eq .Values.gateway.routeKind "GRPCRoute" -}}
{{- fail "gateway.gkePolicies is for GKE's Gateways, which take no GRPCRoute: set gateway.routeKind=HTTPRoute, or gateway.gkePolicies=false for the Gateways of others." -}}
{{- end -}}
{{- if .Values.tls.clientCA.existingSecret -}}
{{- fail "gateway.gkePolicies and tls.clientCA.existingSecret exclude each other: GKE's load balancer shows the pods no certificate." -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "double-booked.validateOperatorPod" -}}
{{- $operator := .Values.operator -}}
{{- include "double-booked.validateResources" (dict "name" "operator.resources" "resources" $operator.resources) -}}
{{- include "double-booked.validateBudget" (dict "path" "operator." "budget" $operator.podDisruptionBudget "replicas" $operator.replicaCount) -}}
{{- include "double-booked.validateSpread" (dict "path" "operator." "constraints" $operator.topologySpreadConstraints) -}}
{{- include "double-booked.validateEnv" (dict "name" "operator.extraEnv" "extra" $operator.extraEnv "owned" (include "double-booked.ownedOperatorEnv" . | fromYaml)) -}}
{{- if eq (int $operator.webhookPort) (int $operator.metricsPort) -}}
{{- fail (printf "operator.webhookPort and operator.metricsPort are both %d: choose two ports." (int $operator.webhookPort)) -}}
{{- end -}}
{{- if $operator.hostNetwork -}}
{{- if has 10250 (list (int $operator.webhookPort) (int $operator.metricsPort)) -}}
{{- fail "operator.hostNetwork shares the ports of the node, and the kubelet has 10250: set operator.webhookPort to another port, such as 9443." -}}
{{- end -}}
{{- if or .Values.networkPolicy.enabled $operator.networkPolicy.apiServerRanges -}}
{{- fail "operator.hostNetwork and a NetworkPolicy (networkPolicy.enabled, operator.networkPolicy.apiServerRanges) exclude each other: policies do not apply to pods in the network of the node. Use a firewall rule for the webhook's port." -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "double-booked.validateContainers" -}}
{{- $names := list .own -}}
{{- range concat .values.initContainers .values.extraContainers -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- with include "double-booked.repeated" $names -}}
{{- fail (printf "%sinitContainers and %sextraContainers have a second container named %s in the pod: choose another name." $.path $.path .) -}}
{{- end -}}
{{- if and (eq .values.dnsPolicy "None") (not .values.dnsConfig.nameservers) -}}
{{- fail (printf "%sdnsPolicy is None, but %sdnsConfig.nameservers is empty, so no name could be resolved: list a name server." .path .path) -}}
{{- end -}}
{{- end -}}

{{- define "double-booked.validateMonitors" -}}
{{- $metrics := .Values.metrics -}}
{{- if and $metrics.serviceMonitor.enabled $metrics.podMonitor.enabled -}}
{{- fail "metrics.serviceMonitor.enabled and metrics.podMonitor.enabled are both true, so Prometheus would scrape every pod twice: set one of them to false." -}}
{{- end -}}
{{- range $name := list "serviceMonitor" "podMonitor" "podMonitoring" -}}
{{- $monitor := index $metrics $name -}}
{{- $field := ternary "timeout" "scrapeTimeout" (eq $name "podMonitoring") -}}
{{- $limit := index $monitor $field -}}
{{- if and $monitor.enabled $limit -}}
{{- if gt (include "double-booked.seconds" $limit | float64) (include "double-booked.seconds" $monitor.interval | float64) -}}
{{- fail (printf "metrics.%s.%s is %s, longer than metrics.%s.interval, which is %s: shorten it, or scrape less often." $name $field $limit $name $monitor.interval) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Reject combinations that the API server rejects in a Service. */}}
{{- define "double-booked.validateFamilies" -}}
{{- $service := .Values.service -}}
{{- if and (has $service.trafficDistribution (list "PreferSameZone" "PreferSameNode")) (semverCompare "<1.34-0" .Capabilities.KubeVersion.Version) -}}
{{- fail (printf "service.trafficDistribution=%s needs Kubernetes 1.34, and this cluster has %s: choose PreferClose." $service.trafficDistribution .Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- if and (eq $service.ipFamilyPolicy "SingleStack") (gt (len $service.ipFamilies) 1) -}}
{{- fail "service.ipFamilyPolicy is SingleStack, but service.ipFamilies has two families: choose PreferDualStack or RequireDualStack, or list one family." -}}
{{- end -}}
{{- if and (not $service.ipFamilyPolicy) (gt (len $service.ipFamilies) 1) -}}
{{- fail "service.ipFamilies has two families, but service.ipFamilyPolicy is empty: choose PreferDualStack or RequireDualStack." -}}
{{- end -}}
{{- end -}}
