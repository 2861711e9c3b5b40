{{/* The endpoint of a monitor of the Prometheus operator. */}}
{{- define "double-booked.scrape" -}}
interval: {{ .interval | quote }}
{{- with .scrapeTimeout }}
scrapeTimeout: {{ . | quote }}
{{- end }}
{{- with .relabelings }}
relabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The endpoint of a PodMonitoring of Google Cloud Managed Service for Prometheus. */}}
{{- define "double-booked.managedScrape" -}}
interval: {{ .interval | quote }}
{{- with .timeout }}
timeout: {{ . | quote }}
{{- end }}
{{- with .metricRelabeling }}
metricRelabeling:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
