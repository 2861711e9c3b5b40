{{/* The kubelet supports gRPC probes only without TLS. */}}
{{- define "double-booked.readyCheck" -}}
{{- if .Values.tls.enabled -}}
httpGet:
  path: /readyz
  port: http
{{- else -}}
grpc:
  port: 7070
{{- end -}}
{{- end -}}

{{- define "double-booked.env" -}}
- name: SERVICE_HOST
  value: ":7070"
- name: HEALTH_CHECK_HOST
  value: ":8080"
- name: DRAIN_DELAY
  value: {{ include "double-booked.drainDelay" . | quote }}
- name: MAX_CONNECTION_AGE
  value: {{ include "double-booked.maxConnectionAge" . | quote }}
{{- range $name, $value := omit .Values.settings "drainDelay" "maxConnectionAge" }}
{{- if not (kindIs "invalid" $value) }}
- name: {{ $name | snakecase | upper }}
  value: {{ ternary (int64 $value) $value (kindIs "float64" $value) | quote }}
{{- end }}
{{- end }}
{{- if kindIs "invalid" .Values.settings.workerThreads }}
- name: WORKER_THREADS
  valueFrom:
    resourceFieldRef:
      containerName: double-booked
      resource: limits.cpu
      divisor: "0"
{{- end }}
{{- include "double-booked.tlsEnv" . }}
{{- end -}}

{{/* The user's variables with the API server's defaults; otherwise Argo CD and server-side apply find differences. */}}
{{- define "double-booked.extraEnv" -}}
{{- $variables := list -}}
{{- range $variable := deepCopy . }}
{{- with dig "valueFrom" "fieldRef" dict $variable }}
{{- $_ := set . "apiVersion" (.apiVersion | default "v1") }}
{{- end }}
{{- with dig "valueFrom" "resourceFieldRef" dict $variable }}
{{- $_ := set . "divisor" (.divisor | default "0" | toString) }}
{{- end }}
{{- $variables = append $variables $variable }}
{{- end }}
{{- with $variables }}{{ toYaml . }}{{ end }}
{{- end -}}

{{- define "double-booked.tlsEnv" -}}
{{- if include "double-booked.tlsSecret" . }}
- name: TLS_CERT_FILE
  value: /tls/tls.crt
- name: TLS_KEY_FILE
  value: /tls/tls.key
{{- else if .Values.tls.enabled }}
- name: TLS_SELF_SIGNED
  value: "true"
{{- end }}
{{- if include "double-booked.clientCASecret" . }}
- name: TLS_CLIENT_CA_FILE
  value: /client-ca/{{ .Values.tls.clientCA.key }}
{{- end }}
{{- end -}}

{{/* Fields of a pod with the same names in the values: at the top for the service, below `operator` for the operator. */}}
{{- define "double-booked.podFields" -}}
{{- $fields := dict -}}
{{- range $name := list "priorityClassName" "runtimeClassName" "schedulerName" "dnsPolicy" "dnsConfig" "hostAliases" "nodeSelector" "tolerations" "affinity" "initContainers" -}}
{{- with index $ $name -}}
{{- $_ := set $fields $name . -}}
{{- end -}}
{{- end -}}
{{- with $fields -}}
{{ toYaml . }}
{{- end -}}
{{- end -}}

{{/* Seconds that a preStop hook sleeps; they are part of the grace period, before the server gets SIGTERM. */}}
{{- define "double-booked.preStopSleep" -}}
{{- dig "preStop" "sleep" "seconds" 0 .lifecycle | int64 -}}
{{- end -}}

{{/* The spread of pods: over zones and nodes if possible, unless there are `constraints`, which may be empty. */}}
{{- define "double-booked.spread" -}}
{{- if kindIs "invalid" .constraints -}}
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- topologyKey: {{ . }}
  maxSkew: 1
  whenUnsatisfiable: ScheduleAnyway
  matchLabelKeys: [pod-template-hash]
  labelSelector:
    matchLabels:
      {{- $.selector | nindent 6 }}
{{- end }}
{{- else if .constraints -}}
{{ toYaml .constraints }}
{{- end -}}
{{- end -}}

{{/* The limits of a PodDisruptionBudget. */}}
{{- define "double-booked.budget" -}}
{{- if kindIs "invalid" .minAvailable -}}
maxUnavailable: {{ .maxUnavailable }}
{{- else -}}
minAvailable: {{ .minAvailable }}
{{- end }}
# A pod that never gets ready must not block a node drain.
unhealthyPodEvictionPolicy: AlwaysAllow
{{- end -}}
