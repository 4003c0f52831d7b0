{{/* The chart's name, or what replaces it. */}}
{{- define "nfvi-ha.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Prefix of all names. 40 characters leave room for our suffixes. */}}
{{- define "nfvi-ha.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "nfvi-ha.operatorName" -}}
{{- printf "%s-operator" (include "nfvi-ha.fullname" .) }}
{{- end }}

{{/* Cluster-scoped names: two releases of one name in two namespaces must not share them. */}}
{{- define "nfvi-ha.clusterName" -}}
{{- if eq .Release.Namespace "nfvi-ha-system" }}
{{- include "nfvi-ha.operatorName" . }}
{{- else }}
{{- printf "%s-%s" .Release.Namespace (include "nfvi-ha.operatorName" .) }}
{{- end }}
{{- end }}

{{- define "nfvi-ha.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "nfvi-ha.operatorName" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name is needed when serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "nfvi-ha.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* Labels of every object. */}}
{{- define "nfvi-ha.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ include "nfvi-ha.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: nfvi-ha
{{- end }}

{{/* What tells the operator's pods from all others; it can never change, for selectors of Deployments cannot. */}}
{{- define "nfvi-ha.selectorLabels" -}}
app.kubernetes.io/name: {{ include "nfvi-ha.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "nfvi-ha.operatorLabels" -}}
{{ include "nfvi-ha.labels" . }}
app.kubernetes.io/component: operator
{{- end }}

{{/* The other two processes: their names, labels and what selects their pods. */}}
{{- define "nfvi-ha.agentName" -}}
{{- printf "%s-agent" (include "nfvi-ha.fullname" .) }}
{{- end }}

{{- define "nfvi-ha.sentinelName" -}}
{{- printf "%s-sentinel" (include "nfvi-ha.fullname" .) }}
{{- end }}

{{- define "nfvi-ha.agentClusterName" -}}
{{- include "nfvi-ha.clusterName" . | trimSuffix "-operator" | printf "%s-agent" }}
{{- end }}

{{- define "nfvi-ha.sentinelClusterName" -}}
{{- include "nfvi-ha.clusterName" . | trimSuffix "-operator" | printf "%s-sentinel" }}
{{- end }}

{{- define "nfvi-ha.agentSelectorLabels" -}}
app.kubernetes.io/name: {{ include "nfvi-ha.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: agent
{{- end }}

{{- define "nfvi-ha.sentinelSelectorLabels" -}}
app.kubernetes.io/name: {{ include "nfvi-ha.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: sentinel
{{- end }}

{{- define "nfvi-ha.agentLabels" -}}
{{ include "nfvi-ha.labels" . }}
app.kubernetes.io/component: agent
{{- end }}

{{- define "nfvi-ha.sentinelLabels" -}}
{{ include "nfvi-ha.labels" . }}
app.kubernetes.io/component: sentinel
{{- end }}

{{/* Where agents get their keys. */}}
{{- define "nfvi-ha.keyServiceName" -}}
{{- printf "%s-keys" (include "nfvi-ha.fullname" .) }}
{{- end }}
