{{/*
Set each value that is null or missing to its default. Helm removes values that a user sets to null, and
`helm upgrade --reuse-values` lacks values that are new. Therefore every template starts with this; the first one that
is rendered does the work for all. A null replicaCount has a meaning of its own.
*/}}
{{- define "double-booked.setDefaults" -}}
{{- if not .Values.areComplete -}}
{{- $defaults := .Files.Get "files/defaults.yaml" | fromYaml -}}
{{- include "double-booked.setMissing" (dict "values" .Values "defaults" $defaults "path" "") -}}
{{- $_ := set .Values "areComplete" true -}}
{{- end -}}
{{- end -}}

{{- define "double-booked.setMissing" -}}
{{- $root := . -}}
{{- range $key, $value := .values -}}
{{- if and (kindIs "invalid" $value) (not (hasKey $root.defaults $key)) -}}
{{- $_ := unset $root.values $key -}}
{{- end -}}
{{- end -}}
{{- range $key, $default := .defaults -}}
{{- $path := printf "%s.%s" $root.path $key | trimPrefix "." -}}
{{- $value := index $root.values $key -}}
{{- if and (kindIs "invalid" $value) (ne $path "replicaCount") -}}
{{- $value = $default -}}
{{- $_ := set $root.values $key $default -}}
{{- end -}}
{{- if and (kindIs "float64" $value) (eq (toString $value) (toString (floor $value))) -}}
{{- /* Helm reads numbers in files as floats, which it would write as 1e+06. */ -}}
{{- $_ := set $root.values $key (int64 $value) -}}
{{- else if include "double-booked.isOfUser" (list $path $default) -}}
{{- include "double-booked.removeNulls" $value -}}
{{- else if kindIs "map" $default -}}
{{- include "double-booked.setMissing" (dict "values" $value "defaults" $default "path" $path) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Whether the user defines the keys of a map: a null removes a key, such as a limit or a label. */}}
{{- define "double-booked.isOfUser" -}}
{{- $maps := list "resources" "operator.resources" "podSecurityContext" "securityContext" "spark.podSecurityContext" "metrics.dashboard.labels" "helmTest.podLabels" "helmTest.podAnnotations" -}}
{{- if or (has (first .) $maps) (and (kindIs "map" (last .)) (empty (last .))) }}true{{ end -}}
{{- end -}}

{{- define "double-booked.removeNulls" -}}
{{- if kindIs "map" . -}}
{{- range $key, $value := . -}}
{{- if kindIs "invalid" $value -}}
{{- $_ := unset $ $key -}}
{{- else -}}
{{- include "double-booked.removeNulls" $value -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
