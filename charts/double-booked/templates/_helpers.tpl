{{- define "double-booked.fullname" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* What selects pods: never changes, in any version. */}}
{{- define "double-booked.selector" -}}
app: double-booked
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "double-booked.labels" -}}
{{ include "double-booked.selector" . }}
app.kubernetes.io/name: double-booked
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "double-booked.metadata" -}}
name: {{ include "double-booked.fullname" . }}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "double-booked.labels" . | nindent 2 }}
{{- end -}}

{{- define "double-booked.image" -}}
{{- if .Values.image.reference -}}
{{ .Values.image.reference }}
{{- else if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "double-booked.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (ternary (include "double-booked.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{- define "double-booked.isBehindLoadBalancer" -}}
{{- if or .Values.ingress.enabled .Values.gateway.enabled }}true{{ end -}}
{{- end -}}

{{- define "double-booked.drainDelay" -}}
{{- if kindIs "invalid" .Values.settings.drainDelay -}}
{{ ternary 30 15 (eq (include "double-booked.isBehindLoadBalancer" .) "true") }}
{{- else -}}
{{ int64 .Values.settings.drainDelay }}
{{- end -}}
{{- end -}}

{{/* The Secret with the certificate, if it comes from one. */}}
{{- define "double-booked.tlsSecret" -}}
{{- if .Values.tls.enabled -}}
{{- if eq .Values.tls.source "existingSecret" -}}{{ .Values.tls.existingSecret }}{{- end -}}
{{- if eq .Values.tls.source "certManager" -}}{{ include "double-booked.fullname" . }}-tls{{- end -}}
{{- end -}}
{{- end -}}

{{- define "double-booked.clientCASecret" -}}
{{- if .Values.tls.enabled }}{{ .Values.tls.clientCA.existingSecret }}{{ end -}}
{{- end -}}

{{/*
Fails where a cluster that is known lacks an API. Without a cluster (helm template), only APIs
that every client knows are listed, and APIServices are not among them.
*/}}
{{- define "double-booked.requireApi" -}}
{{- if and (.root.Capabilities.APIVersions.Has "apiregistration.k8s.io/v1") (not (.root.Capabilities.APIVersions.Has .api)) -}}
{{- fail (printf "%s needs %s, which this cluster does not have: %s." .value .api .help) -}}
{{- end -}}
{{- end -}}
