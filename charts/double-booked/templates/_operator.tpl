{{/* The operator's name, short enough for suffixes. In the root chart it is cut as in all former versions. */}}
{{- define "double-booked.operatorName" -}}
{{- $name := include "double-booked.fullname" . -}}
{{- if include "double-booked.alias" . -}}
{{- $name = include "double-booked.shortened" (list $name 46) -}}
{{- end -}}
{{- regexReplaceAll "-+$" (trunc 46 $name) "" }}-operator
{{- end -}}

{{/*
The name of cluster-wide objects. A subchart adds its namespace and a dot, which names cannot contain, so that releases
of the same name in two namespaces have separate objects.
*/}}
{{- define "double-booked.operatorClusterName" -}}
{{- if include "double-booked.alias" . }}{{ include "double-booked.namespace" . }}.{{ end -}}
{{- include "double-booked.operatorName" . -}}
{{- end -}}

{{/* A selector different from the service's, whose Services, budget and policy must never select the operator. */}}
{{- define "double-booked.operatorSelector" -}}
app: double-booked-operator
{{ include "double-booked.instanceLabels" . }}
{{- end -}}

{{- define "double-booked.operatorPodLabels" -}}
{{- toYaml (merge (include "double-booked.operatorSelector" . | fromYaml) (include "double-booked.podLabels" . | fromYaml)) -}}
{{- end -}}

{{- define "double-booked.operatorLabels" -}}
{{- toYaml (merge (include "double-booked.operatorSelector" . | fromYaml) (include "double-booked.labels" . | fromYaml)) -}}
{{- end -}}

{{- define "double-booked.operatorClusterMetadata" -}}
name: {{ include "double-booked.operatorClusterName" . | quote }}
labels:
  {{- include "double-booked.operatorLabels" . | nindent 2 }}
{{- end -}}

{{- define "double-booked.operatorMetadata" -}}
name: {{ include "double-booked.operatorName" . | quote }}
namespace: {{ include "double-booked.namespace" . | quote }}
labels:
  {{- include "double-booked.operatorLabels" . | nindent 2 }}
{{- end -}}

{{- define "double-booked.operatorServiceAccountName" -}}
{{- .Values.operator.serviceAccount.name | default (include "double-booked.operatorName" .) -}}
{{- end -}}

{{- define "double-booked.operatorSubjects" -}}
- kind: ServiceAccount
  name: {{ include "double-booked.operatorServiceAccountName" . | quote }}
  namespace: {{ include "double-booked.namespace" . | quote }}
{{- end -}}

{{/* The operator's rights in the watched namespaces. */}}
{{- define "double-booked.operatorRules" -}}
- apiGroups: [double-booked.io]
  resources: [calendars, bookings]
  verbs: [get, list, watch]
# A Ledger is never deleted or patched: each write replaces the version that the decision was made by.
- apiGroups: [double-booked.io]
  resources: [ledgers]
  verbs: [get, list, watch, create, update]
# Finished Bookings with ttlSecondsAfterFinished.
- apiGroups: [double-booked.io]
  resources: [bookings]
  verbs: [delete]
- apiGroups: [double-booked.io]
  resources: [calendars/status, bookings/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [events]
  verbs: [create]
# The labels of a namespace decide whether the webhook's namespaceSelector selects it.
- apiGroups: [""]
  resources: [namespaces]
  verbs: [get]
# Whether the author of spec.replaces may delete the Bookings that it names.
- apiGroups: [authorization.k8s.io]
  resources: [localsubjectaccessreviews]
  verbs: [create]
{{- end -}}

{{/* The name of the webhook's Secret, with its path and, with source=operator, its authority and certificate. */}}
{{- define "double-booked.operatorSecret" -}}
{{ include "double-booked.operatorName" . }}-webhook
{{- end -}}

{{/* The selector of the namespaces with reviews. */}}
{{- define "double-booked.namespaceSelector" -}}
{{- if .Values.operator.watchNamespaces -}}
matchExpressions:
  - key: kubernetes.io/metadata.name
    operator: In
    values:
      {{- toYaml .Values.operator.watchNamespaces | nindent 6 }}
{{- else -}}
{{- toYaml .Values.operator.namespaceSelector -}}
{{- end -}}
{{- end -}}

{{- define "double-booked.webhook" -}}
{{- $operator := .root.Values.operator -}}
name: {{ .resource }}.double-booked.io
clientConfig:
  service:
    name: {{ include "double-booked.operatorName" .root | quote }}
    namespace: {{ include "double-booked.namespace" .root | quote }}
    port: 443
admissionReviewVersions: [v1]
matchPolicy: Equivalent
sideEffects: NoneOnDryRun
failurePolicy: {{ $operator.failurePolicy }}
timeoutSeconds: {{ $operator.timeoutSeconds }}
namespaceSelector:
  {{- include "double-booked.namespaceSelector" .root | nindent 2 }}
objectSelector: {}
# Updates without a change of the spec, and updates of objects being deleted, need no review and always pass.
matchConditions:
  - name: spec-changes
    expression: request.operation != 'UPDATE' || object.spec != oldObject.spec
  - name: not-being-deleted
    expression: '!has(object.metadata.deletionTimestamp)'
rules:
  - apiGroups: [double-booked.io]
    apiVersions: [v1alpha1]
    operations: [CREATE, UPDATE]
    resources: [{{ .resource }}]
    scope: Namespaced
{{- end -}}

{{- define "double-booked.operatorEnv" -}}
{{- $name := include "double-booked.operatorName" . -}}
{{- $operator := .Values.operator -}}
- name: WEBHOOK_HOST
  value: ":{{ $operator.webhookPort }}"
- name: HEALTH_CHECK_HOST
  value: ":{{ $operator.metricsPort }}"
{{- with $operator.watchNamespaces }}
- name: WATCH_NAMESPACES
  value: {{ join "," . | quote }}
{{- end }}
- name: OPERATOR_NAMESPACE
  valueFrom:
    fieldRef:
      apiVersion: v1
      fieldPath: metadata.namespace
- name: LEASE_NAME
  value: {{ $name | quote }}
# A container restarted in the same pod is the same holder, so it does not wait for its own Lease.
- name: LEASE_HOLDER
  valueFrom:
    fieldRef:
      apiVersion: v1
      fieldPath: metadata.uid
- name: WEBHOOK_CONFIGURATION
  value: {{ include "double-booked.operatorClusterName" . | quote }}
- name: WEBHOOK_NAMES
  value: "{{ $name }}.$(OPERATOR_NAMESPACE).svc"
{{- if eq $operator.certificate.source "certManager" }}
- name: WEBHOOK_CERT_FILE
  value: /tls/tls.crt
- name: WEBHOOK_KEY_FILE
  value: /tls/tls.key
{{- end }}
- name: WEBHOOK_SECRET
  value: {{ include "double-booked.operatorSecret" . | quote }}
{{- if $operator.clientCA.existingSecret }}
- name: WEBHOOK_CLIENT_CA_FILE
  value: /client-ca/ca.crt
{{- end }}
- name: LOG_LEVEL
  value: {{ $operator.logLevel | quote }}
- name: LOG_FORMAT
  value: json
{{- end -}}
