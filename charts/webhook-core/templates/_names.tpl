{{- define "webhook-core.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- /* At most 40 characters: each object adds what it is. */}}
{{- define "webhook-core.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "webhook-core.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "webhook-core.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "webhook-core.operator" -}}
{{ include "webhook-core.fullname" . }}-operator
{{- end }}

{{- define "webhook-core.postgres" -}}
{{ include "webhook-core.fullname" . }}-postgres
{{- end }}

{{- define "webhook-core.config" -}}
{{ include "webhook-core.fullname" . }}-config
{{- end }}

{{- define "webhook-core.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "webhook-core.operator" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "webhook-core.image" -}}
{{- $tag := default .Chart.AppVersion .Values.image.tag }}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else }}{{ .Values.image.repository }}:{{ $tag }}{{ end }}
{{- end }}

{{- /* Of pods and their selectors: nothing in here changes with a release of the chart. (list . "component")
       The name is not what the operator gives to a resource's children: by that it knows them. */}}
{{- define "webhook-core.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "webhook-core.name" $root }}-operator
app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- /* Of objects. (list . "component") */}}
{{- define "webhook-core.labels" -}}
{{- $root := index . 0 -}}
{{ include "webhook-core.selector" . }}
app.kubernetes.io/part-of: webhook-core
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end }}
