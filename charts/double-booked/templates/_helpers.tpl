{{/* The path of aliases from the root chart to this chart; empty for the root chart. */}}
{{- define "double-booked.alias" -}}
{{- .Template.BasePath | trimSuffix "/templates" | trimSuffix "/templates/tests" | splitList "/charts/" | rest | join "." -}}
{{- end -}}

{{/* A text cut to a number of characters, with a hash if it was cut, so that different texts stay different. */}}
{{- define "double-booked.shortened" -}}
{{- $text := index . 0 -}}
{{- $most := index . 1 -}}
{{- if gt (len $text) $most -}}
{{- $text = printf "%s-%s" (regexReplaceAll "[-.]+$" (trunc (sub $most 9 | int) $text) "") (sha256sum $text | trunc 8) -}}
{{- end -}}
{{- $text -}}
{{- end -}}

{{/*
As the root chart: the release, cut at 50 characters as in all former versions. As a subchart: the release and the
alias, so that two subcharts never share a name, and short enough for the suffix "-operator-metrics".
*/}}
{{- define "double-booked.fullname" -}}
{{- $part := .Values.nameOverride | default (include "double-booked.alias" .) -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if $part -}}
{{- $whole := printf "%s-%s" .Release.Name (regexReplaceAll "[^a-z0-9]+" (lower $part) "-") -}}
{{- include "double-booked.shortened" (list $whole 46) -}}
{{- else -}}
{{- regexReplaceAll "-+$" (trunc 50 .Release.Name) "" -}}
{{- end -}}
{{- end -}}

{{- define "double-booked.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace -}}
{{- end -}}

{{- define "double-booked.nameLabel" -}}
{{- $alias := include "double-booked.alias" . | default "double-booked" -}}
app.kubernetes.io/name: {{ include "double-booked.shortened" (list $alias 63) | quote }}
{{- end -}}

{{/* Labels that identify the pods of one installation. No value changes them, because selectors are immutable. */}}
{{- define "double-booked.instanceLabels" -}}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- if include "double-booked.alias" . }}
{{ include "double-booked.nameLabel" . }}
{{- end }}
{{- end -}}

{{/* The selector of pods, which must never change in any version. */}}
{{- define "double-booked.selector" -}}
app: double-booked
{{ include "double-booked.instanceLabels" . }}
{{- end -}}

{{- define "double-booked.podLabels" -}}
app: double-booked
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{ include "double-booked.nameLabel" . }}
{{- end -}}

{{- define "double-booked.labels" -}}
{{- include "double-booked.union" (list (include "double-booked.chartLabels" . | fromYaml) .Values.commonLabels) -}}
{{- end -}}

{{- define "double-booked.chartLabels" -}}
{{ include "double-booked.podLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: "{{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}"
{{- end -}}

{{- define "double-booked.metadata" -}}
name: {{ include "double-booked.fullname" . | quote }}
namespace: {{ include "double-booked.namespace" . | quote }}
labels:
  {{- include "double-booked.labels" . | nindent 2 }}
{{- end -}}

{{- define "double-booked.image" -}}
{{- $repository := include "double-booked.withRegistry" (dict "global" .Values.global "repository" .Values.image.repository) -}}
{{- if .Values.image.reference -}}
{{ .Values.image.reference }}
{{- else if .Values.image.digest -}}
{{ $repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ $repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* A repository with global.imageRegistry. A first part with a dot or a port, or localhost, is a registry. */}}
{{- define "double-booked.withRegistry" -}}
{{- $registry := (.global | default dict).imageRegistry -}}
{{- if $registry -}}
{{ $registry | trimSuffix "/" }}/{{ regexReplaceAll "^([^/]*[.:][^/]*|localhost)/" .repository "" }}
{{- else -}}
{{ .repository }}
{{- end -}}
{{- end -}}

{{/* Pull secrets: the global ones, then the chart's own; each is a name or an object with a name. */}}
{{- define "double-booked.imagePullSecrets" -}}
{{- $secrets := list -}}
{{- range concat ((.Values.global | default dict).imagePullSecrets | default list) .Values.imagePullSecrets -}}
{{- $secrets = append $secrets (ternary (dict "name" .) . (kindIs "string" .)) -}}
{{- end -}}
{{- with uniq $secrets }}{{ toYaml . }}{{ end -}}
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

{{/* A layer 7 load balancer spreads calls itself, so new connections would have no benefit. */}}
{{- define "double-booked.maxConnectionAge" -}}
{{- if kindIs "invalid" .Values.settings.maxConnectionAge -}}
{{ ternary 0 600 (eq (include "double-booked.isBehindLoadBalancer" .) "true") }}
{{- else -}}
{{ int64 .Values.settings.maxConnectionAge }}
{{- end -}}
{{- end -}}

{{/* The name of the Secret with the certificate; empty if it does not come from a Secret. */}}
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
Whether Helm is connected to a cluster. Without one (helm template), only APIs built into the client are listed, and
APIServices are not among them.
*/}}
{{- define "double-booked.hasCluster" -}}
{{- if .Capabilities.APIVersions.Has "apiregistration.k8s.io/v1" }}true{{ end -}}
{{- end -}}

{{/* Fail if the cluster lacks an API. */}}
{{- define "double-booked.requireApi" -}}
{{- if and (include "double-booked.hasCluster" .root) (not (.root.Capabilities.APIVersions.Has .api)) -}}
{{- fail (printf "%s needs %s, which this cluster does not have: %s." .value .api .help) -}}
{{- end -}}
{{- end -}}
