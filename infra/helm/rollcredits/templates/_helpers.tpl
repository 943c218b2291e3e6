{{- define "rollcredits.name" -}}
{{- .Release.Name | trunc 48 | trimSuffix "-" -}}
{{- end }}

{{- define "rollcredits.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "rollcredits.labels" -}}
{{ include "rollcredits.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* The roles that run: the relay only where there is a Kafka. */}}
{{- define "rollcredits.roles" -}}
api projector orchestrator{{ if .Values.kafka.brokers }} relay{{ end }}
{{- end }}

{{/* Longer than the drain, and than the seconds that the pod stays in its services while they forget it. */}}
{{- define "rollcredits.graceSeconds" -}}
{{ add (div (add .Values.drainTimeoutMs 999) 1000) 20 }}
{{- end }}

{{/* A process does not get requests while it cannot serve them; a read model that stopped is no reason to take every process away. */}}
{{- define "rollcredits.readyPath" -}}
{{ if eq . "api" }}/readyz?parts=eventStore,postgres{{ else }}/readyz?parts=postgres{{ end }}
{{- end }}

{{- define "rollcredits.fromSecret" -}}
valueFrom:
  secretKeyRef:
    name: {{ .name | quote }}
    key: {{ .key | quote }}
{{- end }}

{{- define "rollcredits.environment" -}}
- name: HOST
  value: 0.0.0.0
- name: PORT
  value: {{ .Values.ports.api | quote }}
- name: PROJECTOR_PORT
  value: {{ .Values.ports.projector | quote }}
- name: ORCHESTRATOR_PORT
  value: {{ .Values.ports.orchestrator | quote }}
- name: RELAY_PORT
  value: {{ .Values.ports.relay | quote }}
- name: INTERNAL_HOST
  value: 0.0.0.0
- name: INTERNAL_PORT
  value: {{ .Values.ports.internal | quote }}
- name: INTERNAL_ADDRESS
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
- name: DRAIN_TIMEOUT_MS
  value: {{ int .Values.drainTimeoutMs | quote }}
- name: ASSETS_DIR
  value: /assets
{{- if and (not .Values.assets.existingClaim) (not .Values.config.ASSETS_S3_BUCKET) (not .Values.config.ASSETS_KEEP) }}
- name: ASSETS_KEEP
  value: none
{{- end }}
- name: DATABASE_URL
  {{- include "rollcredits.fromSecret" .Values.database.secret | nindent 2 }}
{{- if .Values.eventStoreDb.secret.name }}
- name: EVENT_STORE
  value: eventstoredb
- name: EVENTSTOREDB_URL
  {{- include "rollcredits.fromSecret" .Values.eventStoreDb.secret | nindent 2 }}
{{- end }}
{{- if .Values.deploymentSecret.secret.name }}
- name: DEPLOYMENT_SECRET
  {{- include "rollcredits.fromSecret" .Values.deploymentSecret.secret | nindent 2 }}
{{- end }}
- name: LEDGER_SIGNING_KEY
  {{- include "rollcredits.fromSecret" .Values.ledgerSigningKey.secret | nindent 2 }}
{{- if .Values.adminApiKey.secret.name }}
- name: ADMIN_API_KEY
  {{- include "rollcredits.fromSecret" .Values.adminApiKey.secret | nindent 2 }}
{{- end }}
{{- with .Values.kafka }}
{{- if .brokers }}
- name: KAFKA_BROKERS
  value: {{ .brokers | quote }}
- name: KAFKA_TLS
  value: {{ ternary "1" "0" .tls | quote }}
{{- if .saslMechanism }}
- name: KAFKA_SASL_MECHANISM
  value: {{ .saslMechanism | quote }}
- name: KAFKA_USERNAME
  {{- include "rollcredits.fromSecret" (dict "name" (required "kafka.secret.name is needed with kafka.saslMechanism" .secret.name) "key" .secret.usernameKey) | nindent 2 }}
- name: KAFKA_PASSWORD
  {{- include "rollcredits.fromSecret" (dict "name" .secret.name "key" .secret.passwordKey) | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}
{{- range $name, $value := .Values.config }}
- name: {{ $name }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- end }}
