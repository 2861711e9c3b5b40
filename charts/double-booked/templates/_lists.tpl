{{/* Merge maps into one, as YAML; later maps take precedence. */}}
{{- define "double-booked.union" -}}
{{- $all := dict -}}
{{- range . -}}
{{- range $key, $value := . -}}
{{- $_ := set $all $key $value -}}
{{- end -}}
{{- end -}}
{{- with $all -}}
{{ toYaml . }}
{{- end -}}
{{- end -}}

{{/* Metadata with more labels; these replace labels of the same name. */}}
{{- define "double-booked.withLabels" -}}
{{- $metadata := first . | fromYaml -}}
{{- $_ := set $metadata "labels" (include "double-booked.union" (list $metadata.labels (last .)) | fromYaml) -}}
{{ toYaml $metadata }}
{{- end -}}

{{/* Annotations of pods; `port` is the port of their metrics. */}}
{{- define "double-booked.podAnnotations" -}}
{{- $scrape := dict "prometheus.io/scrape" "true" "prometheus.io/port" (toString .port) "prometheus.io/path" "/metrics" -}}
{{- include "double-booked.union" (list (ternary $scrape dict .isScraped) .annotations) -}}
{{- end -}}

{{/* Environment variables of the chart, then those of the user, which replace variables of the same name. */}}
{{- define "double-booked.withExtraEnv" -}}
{{- $extra := .extra -}}
{{- $names := list -}}
{{- range $extra -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- $kept := list -}}
{{- range fromYamlArray .env -}}
{{- if not (has .name $names) -}}
{{- $kept = append $kept . -}}
{{- end -}}
{{- end -}}
{{- /* toYaml omits the final newline, which the last value may need. */ -}}
{{ toYaml (concat $kept (include "double-booked.extraEnv" $extra | printf "%s\n" | fromYamlArray)) }}
{{- end -}}

{{/* The first duplicate string in a list; empty if there is none. */}}
{{- define "double-booked.repeated" -}}
{{- $seen := list -}}
{{- $found := "" -}}
{{- range . -}}
{{- if and (has . $seen) (not $found) -}}
{{- $found = . -}}
{{- end -}}
{{- $seen = append $seen . -}}
{{- end -}}
{{- $found -}}
{{- end -}}

{{/* A quantity of Kubernetes, such as 250m or 1Gi, as a plain number. */}}
{{- define "double-booked.quantity" -}}
{{- $units := dict "n" 1e-9 "u" 1e-6 "m" 1e-3 "" 1.0 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18
  "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "Pi" 1125899906842624.0 "Ei" 1152921504606846976.0 -}}
{{- $text := kindIs "string" . | ternary . (toJson .) -}}
{{- $number := regexFind "^[0-9.]+([eE][-+]?[0-9]+)?" $text -}}
{{- mulf (float64 $number) (index $units (trimPrefix $number $text)) -}}
{{- end -}}

{{/* A duration of Go, such as 1h30m, in seconds. */}}
{{- define "double-booked.seconds" -}}
{{- $units := dict "ms" 0.001 "s" 1.0 "m" 60.0 "h" 3600.0 -}}
{{- $seconds := 0.0 -}}
{{- range regexFindAll "[0-9]+(ms|[hms])" . -1 -}}
{{- $number := regexFind "^[0-9]+" . -}}
{{- $seconds = addf $seconds (mulf (float64 $number) (index $units (trimPrefix $number .))) -}}
{{- end -}}
{{- $seconds -}}
{{- end -}}
