{{/* Prefix of every name: the release's, which a release called `anchorwatch` keeps short. */}}
{{- define "anchorwatch.name" -}}
{{- if contains "anchorwatch" .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-anchorwatch" .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What selects the pods of a component: (list . "operator"). Never changes over a release's life. */}}
{{- define "anchorwatch.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: anchorwatch
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Labels of everything: (list . "operator"). */}}
{{- define "anchorwatch.labels" -}}
{{- $root := index . 0 -}}
{{ include "anchorwatch.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end -}}

{{/* Image of a component: (list . "operator"). */}}
{{- define "anchorwatch.image" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $image := $root.Values.image -}}
{{- $digest := get $image (printf "%sDigest" $component) -}}
{{- $name := printf "%s/anchorwatch-%s" $image.registry $component -}}
{{- if $digest -}}
{{- printf "%s@%s" $name $digest -}}
{{- else -}}
{{- printf "%s:%s" $name (default $root.Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{/* User name of a component's ServiceAccount, as the API server sees it: (list . "operator"). */}}
{{- define "anchorwatch.user" -}}
{{- $root := index . 0 -}}
system:serviceaccount:{{ $root.Release.Namespace }}:{{ include "anchorwatch.name" $root }}-{{ index . 1 }}
{{- end -}}
