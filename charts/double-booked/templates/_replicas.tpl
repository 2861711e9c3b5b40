{{/*
The number of pods to render; empty leaves it to another tool that scales the Deployment.
If an earlier manifest has a number and this one does not, applying it resets the number to 1. So if another tool
scales, the number of the running Deployment is repeated, within the bounds of autoscaling: at each upgrade with
client-side apply, and until a scaler owns the field with server-side apply. Without a cluster (helm template), lookup
finds nothing.
*/}}
{{- define "double-booked.replicas" -}}
{{- $autoscaling := .Values.autoscaling -}}
{{- if not (or $autoscaling.enabled (kindIs "invalid" .Values.replicaCount)) -}}
{{- .Values.replicaCount -}}
{{- else -}}
{{- $live := lookup "apps/v1" "Deployment" (include "double-booked.namespace" .) (include "double-booked.fullname" .) -}}
{{- if and $live (not (include "double-booked.isLeftToScaler" $live)) -}}
{{- $replicas := int64 $live.spec.replicas -}}
{{- if $autoscaling.enabled -}}
{{- $replicas = min (max $replicas $autoscaling.minReplicas) $autoscaling.maxReplicas -}}
{{- end -}}
{{- $replicas -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Whether a Deployment was created by server-side apply, and a scaler has set its number of pods. */}}
{{- define "double-booked.isLeftToScaler" -}}
{{- $isServerSide := false -}}
{{- $isScaled := false -}}
{{- range .metadata.managedFields -}}
{{- $fields := dig "f:spec" dict .fieldsV1 -}}
{{- if and (eq .operation "Apply") (hasKey $fields "f:template") -}}{{- $isServerSide = true -}}{{- end -}}
{{- if and (eq (.subresource | default "") "scale") (hasKey $fields "f:replicas") -}}{{- $isScaled = true -}}{{- end -}}
{{- end -}}
{{- if and $isServerSide $isScaled }}true{{ end -}}
{{- end -}}
