{{- define "webhook-core.resource" -}}
{{- $spec := .Values.config.spec }}
{{- if and .Values.embeddedPostgres.enabled (not (dig "database" "urlSecretRef" "" $spec)) }}
{{- $ref := dict "name" .Values.embeddedPostgres.secretName "key" "url" }}
{{- $spec = merge (dict "database" (dict "urlSecretRef" $ref)) $spec }}
{{- end }}
{{- dict "apiVersion" "webhookcore.io/v1alpha1" "kind" "WebhookCoreConfig" "metadata" (dict "name" .Values.config.name) "spec" $spec | toYaml }}
{{- end }}
