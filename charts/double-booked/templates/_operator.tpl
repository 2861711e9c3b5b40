{{/* Short enough for the names that it begins. */}}
{{- define "double-booked.operatorName" -}}
{{- include "double-booked.fullname" . | trunc 46 | trimSuffix "-" }}-operator
{{- end -}}

{{/* Other than the service's, so that its Services, budget and policy never select the operator. */}}
{{- define "double-booked.operatorSelector" -}}
app: double-booked-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "double-booked.operatorLabels" -}}
{{- toYaml (merge (include "double-booked.operatorSelector" . | fromYaml) (include "double-booked.labels" . | fromYaml)) -}}
{{- end -}}

{{/* Of what belongs to no namespace, or is in another. */}}
{{- define "double-booked.operatorClusterMetadata" -}}
name: {{ include "double-booked.operatorName" . }}
labels:
  {{- include "double-booked.operatorLabels" . | nindent 2 }}
{{- end -}}

{{- define "double-booked.operatorMetadata" -}}
namespace: {{ .Release.Namespace }}
{{ include "double-booked.operatorClusterMetadata" . }}
{{- end -}}

{{- define "double-booked.operatorServiceAccountName" -}}
{{- .Values.operator.serviceAccount.name | default (include "double-booked.operatorName" .) -}}
{{- end -}}

{{- define "double-booked.operatorSubjects" -}}
- kind: ServiceAccount
  name: {{ include "double-booked.operatorServiceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}

{{/* The operator's rights in the namespaces that it watches. */}}
{{- define "double-booked.operatorRules" -}}
- apiGroups: [double-booked.io]
  resources: [calendars, bookings]
  verbs: [get, list, watch]
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

{{/* The Secret of the webhook: its path, and with source=operator its authority and certificate. */}}
{{- define "double-booked.operatorSecret" -}}
{{ include "double-booked.operatorName" . }}-webhook
{{- end -}}

{{/* The namespaces whose writes are reviewed. */}}
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
    name: {{ include "double-booked.operatorName" .root }}
    namespace: {{ .root.Release.Namespace }}
    port: 443
admissionReviewVersions: [v1]
matchPolicy: Equivalent
sideEffects: NoneOnDryRun
failurePolicy: {{ $operator.failurePolicy }}
timeoutSeconds: {{ $operator.timeoutSeconds }}
namespaceSelector:
  {{- include "double-booked.namespaceSelector" .root | nindent 2 }}
objectSelector: {}
# What changes no spec, or is being deleted, passes without being asked about, also while nobody answers.
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
