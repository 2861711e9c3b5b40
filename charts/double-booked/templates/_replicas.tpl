{{/*
The number of pods to render; empty leaves it to what scales the Deployment.
A number that an earlier manifest had and this one lacks falls back to 1 when it is applied. So where something else scales,
the number of the running Deployment is repeated, within the bounds of autoscaling: by client-side apply in each
upgrade, by server-side apply until the field belongs to a scaler. Without a cluster (helm template), lookup finds nothing.
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

{{/* Whether server-side apply made a Deployment, and something that scales it has set its number of pods. */}}
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
