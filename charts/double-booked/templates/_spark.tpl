{{/* The name of the Spark job, short enough for what the operators append to it. */}}
{{- define "double-booked.sparkName" -}}
{{- include "double-booked.shortened" (list (include "double-booked.fullname" .) 40) -}}-spark
{{- end -}}

{{/* A selector different from the service's, whose Services, budget and policy must never select the pods of Spark. */}}
{{- define "double-booked.sparkSelector" -}}
app: double-booked-spark
{{ include "double-booked.instanceLabels" . }}
{{- end -}}

{{- define "double-booked.sparkPodLabels" -}}
{{- toYaml (merge (include "double-booked.sparkSelector" . | fromYaml) (include "double-booked.podLabels" . | fromYaml)) -}}
{{- end -}}

{{- define "double-booked.sparkLabels" -}}
{{- toYaml (merge (include "double-booked.sparkSelector" . | fromYaml) (include "double-booked.labels" . | fromYaml)) -}}
{{- end -}}

{{- define "double-booked.sparkMetadata" -}}
name: {{ include "double-booked.sparkName" . | quote }}
namespace: {{ include "double-booked.namespace" . | quote }}
labels:
  {{- include "double-booked.sparkLabels" . | nindent 2 }}
{{- end -}}

{{- define "double-booked.sparkImage" -}}
{{- $image := .Values.spark.image -}}
{{- $repository := include "double-booked.withRegistry" (dict "global" .Values.global "repository" $image.repository) -}}
{{- if $image.digest -}}
{{ $repository }}@{{ $image.digest }}
{{- else -}}
{{ $repository }}:{{ $image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "double-booked.sparkServiceAccountName" -}}
{{- .Values.spark.serviceAccount.name | default (include "double-booked.sparkName" .) -}}
{{- end -}}

{{/* Executors have an account of their own, because only the driver needs rights. */}}
{{- define "double-booked.sparkExecutorServiceAccountName" -}}
{{- include "double-booked.sparkServiceAccountName" . -}}
{{- if .Values.spark.serviceAccount.create }}-executor{{ end -}}
{{- end -}}

{{- define "double-booked.sparkArguments" -}}
{{- $spark := .Values.spark -}}
{{- $arguments := list -}}
{{- range $option := list "input" "output" "key" "start" "end" "resource" -}}
{{- with index $spark $option -}}
{{- $arguments = append $arguments (printf "--%s=%s" $option .) -}}
{{- end -}}
{{- end -}}
{{- toYaml (concat (append $arguments (printf "--fail-on=%s" $spark.failOn)) $spark.extraArgs) -}}
{{- end -}}

{{/*
Spark's properties that both operators need. When a node is reclaimed, its executors move their blocks to others, so that
nothing is computed again.
*/}}
{{- define "double-booked.sparkConf" -}}
{{- $own := dict
  "spark.decommission.enabled" "true"
  "spark.storage.decommission.enabled" "true"
  "spark.storage.decommission.rddBlocks.enabled" "true"
  "spark.storage.decommission.shuffleBlocks.enabled" "true"
  "spark.metrics.namespace" (include "double-booked.sparkName" .)
  "spark.metrics.conf.*.sink.prometheusServlet.class" "org.apache.spark.metrics.sink.PrometheusServlet"
  "spark.metrics.conf.*.sink.prometheusServlet.path" "/metrics/prometheus"
  "spark.ui.prometheus.enabled" "true"
-}}
{{- if not (include "double-booked.sparkHasClaims" .) -}}
{{- /* Otherwise the driver deletes its claims at its end, for which it has no right. */ -}}
{{- $_ := set $own "spark.kubernetes.driver.ownPersistentVolumeClaim" "false" -}}
{{- end -}}
{{- include "double-booked.union" (list $own .Values.spark.sparkConf) -}}
{{- end -}}

{{/* Whether the driver creates PersistentVolumeClaims for executors. */}}
{{- define "double-booked.sparkHasClaims" -}}
{{- range $property, $_ := .Values.spark.sparkConf -}}
{{- if contains ".volumes.persistentVolumeClaim." $property }}true{{ end -}}
{{- end -}}
{{- end -}}

{{- define "double-booked.sparkAnnotations" -}}
{{- if .Values.metrics.scrapeAnnotations -}}
prometheus.io/scrape: "true"
prometheus.io/port: "4040"
prometheus.io/path: /metrics/prometheus
{{- end -}}
{{- end -}}

{{/* The driver or the executors, as Kubeflow's operator reads them. */}}
{{- define "double-booked.sparkPod" -}}
cores: {{ .pod.cores }}
memory: {{ .pod.memory | quote }}
memoryOverhead: {{ .pod.memoryOverhead | quote }}
labels:
  {{- include "double-booked.sparkPodLabels" .root | nindent 2 }}
podSecurityContext:
  {{- toYaml .root.Values.spark.podSecurityContext | nindent 2 }}
securityContext:
  {{- toYaml .root.Values.securityContext | nindent 2 }}
{{- with .pod.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .pod.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  - name: tmp
    mountPath: /tmp
{{- end -}}

{{/* A SparkApplication of Kubeflow's operator. */}}
{{- define "double-booked.kubeflowSpec" -}}
{{- $spark := .Values.spark -}}
type: Python
pythonVersion: "3"
mode: cluster
sparkVersion: {{ $spark.image.sparkVersion | quote }}
image: {{ include "double-booked.sparkImage" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- with include "double-booked.imagePullSecrets" . | fromYamlArray }}
imagePullSecrets:
  {{- range . }}
  - {{ .name | quote }}
  {{- end }}
{{- end }}
mainApplicationFile: local:///opt/double-booked/double_booked_spark.py
arguments:
  {{- include "double-booked.sparkArguments" . | nindent 2 }}
sparkConf:
  {{- include "double-booked.sparkConf" . | nindent 2 }}
restartPolicy:
  type: Never
dynamicAllocation:
  enabled: true
  shuffleTrackingEnabled: true
  minExecutors: {{ $spark.executor.minInstances }}
  maxExecutors: {{ $spark.executor.maxInstances }}
# Spark mounts volumes for its data itself; Java and Python write to /tmp.
volumes:
  - name: tmp
    emptyDir: {}
driver:
  {{- include "double-booked.sparkPod" (dict "root" . "pod" $spark.driver) | nindent 2 }}
  serviceAccount: {{ include "double-booked.sparkServiceAccountName" . | quote }}
  {{- with include "double-booked.sparkAnnotations" . }}
  annotations:
    {{- . | nindent 4 }}
  {{- end }}
executor:
  {{- include "double-booked.sparkPod" (dict "root" . "pod" $spark.executor) | nindent 2 }}
  serviceAccount: {{ include "double-booked.sparkExecutorServiceAccountName" . | quote }}
{{- end -}}

{{/* The properties that Kubeflow's operator has fields for. */}}
{{- define "double-booked.apacheConf" -}}
{{- $spark := .Values.spark -}}
{{- $secrets := list -}}
{{- range include "double-booked.imagePullSecrets" . | fromYamlArray -}}
{{- $secrets = append $secrets .name -}}
{{- end -}}
{{- $own := dict
  "spark.kubernetes.container.image" (include "double-booked.sparkImage" .)
  "spark.kubernetes.container.image.pullPolicy" .Values.image.pullPolicy
  "spark.kubernetes.authenticate.driver.serviceAccountName" (include "double-booked.sparkServiceAccountName" .)
  "spark.kubernetes.authenticate.executor.serviceAccountName" (include "double-booked.sparkExecutorServiceAccountName" .)
  "spark.dynamicAllocation.enabled" "true"
  "spark.dynamicAllocation.shuffleTracking.enabled" "true"
  "spark.dynamicAllocation.minExecutors" (toString $spark.executor.minInstances)
  "spark.dynamicAllocation.maxExecutors" (toString $spark.executor.maxInstances)
-}}
{{- range $role := list "driver" "executor" -}}
{{- $pod := index $spark $role -}}
{{- $_ := set $own (printf "spark.%s.cores" $role) (toString $pod.cores) -}}
{{- $_ := set $own (printf "spark.%s.memory" $role) $pod.memory -}}
{{- $_ := set $own (printf "spark.%s.memoryOverhead" $role) $pod.memoryOverhead -}}
{{- end -}}
{{- with $secrets -}}
{{- $_ := set $own "spark.kubernetes.container.image.pullSecrets" (join "," .) -}}
{{- end -}}
{{- include "double-booked.union" (list $own (include "double-booked.sparkConf" . | fromYaml)) -}}
{{- end -}}

{{/* The template of the driver's or the executors' pods. Spark fills in image, resources and command. */}}
{{- define "double-booked.apachePod" -}}
metadata:
  labels:
    {{- include "double-booked.sparkPodLabels" .root | nindent 4 }}
  {{- with .annotations }}
  annotations:
    {{- . | nindent 4 }}
  {{- end }}
spec:
  securityContext:
    {{- toYaml .root.Values.spark.podSecurityContext | nindent 4 }}
  {{- with .pod.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .pod.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: {{ .container }}
      securityContext:
        {{- toYaml .root.Values.securityContext | nindent 8 }}
      volumeMounts:
        - name: tmp
          mountPath: /tmp
  volumes:
    - name: tmp
      emptyDir: {}
{{- end -}}

{{/* A SparkApplication of Apache's operator. */}}
{{- define "double-booked.apacheSpec" -}}
{{- $spark := .Values.spark -}}
runtimeVersions:
  sparkVersion: {{ $spark.image.sparkVersion | quote }}
pyFiles: local:///opt/double-booked/double_booked_spark.py
driverArgs:
  {{- include "double-booked.sparkArguments" . | nindent 2 }}
sparkConf:
  {{- include "double-booked.apacheConf" . | nindent 2 }}
driverSpec:
  podTemplateSpec:
    {{- include "double-booked.apachePod" (dict "root" . "pod" $spark.driver "container" "spark-kubernetes-driver" "annotations" (include "double-booked.sparkAnnotations" .)) | nindent 4 }}
executorSpec:
  podTemplateSpec:
    {{- include "double-booked.apachePod" (dict "root" . "pod" $spark.executor "container" "spark-kubernetes-executor") | nindent 4 }}
{{- end -}}

{{- define "double-booked.validateSpark" -}}
{{- $spark := .Values.spark -}}
{{- range $option := list "input" "output" -}}
{{- if not (index $spark $option) -}}
{{- fail (printf "spark.enabled needs spark.%s: name a folder of Parquet files, iceberg:CATALOG.DB.TABLE or bigquery:PROJECT.DATASET.TABLE." $option) -}}
{{- end -}}
{{- end -}}
{{- if and $spark.schedule (eq $spark.operator "apache") -}}
{{- fail "spark.schedule needs spark.operator=kubeflow: Apache's operator has no schedules." -}}
{{- end -}}
{{- if gt (int $spark.executor.minInstances) (int $spark.executor.maxInstances) -}}
{{- fail (printf "spark.executor.minInstances is %v, more than spark.executor.maxInstances, which is %v: raise the maximum, or lower the minimum." $spark.executor.minInstances $spark.executor.maxInstances) -}}
{{- end -}}
{{- if not (or $spark.serviceAccount.create $spark.serviceAccount.name) -}}
{{- fail "spark.serviceAccount.create is false, but spark.serviceAccount.name is empty: name a ServiceAccount, as the rights of the driver are not for `default`." -}}
{{- end -}}
{{- end -}}
