/** What Helm says after an installation or an upgrade (templates/NOTES.txt): what to look at, and what to do next. */
export const NOTES = `Muslin {{ .Values.image.tag }} is being rolled out. Pods that start meanwhile wait for it.

  kubectl --namespace {{ .Release.Namespace }} rollout status daemonset/muslin-node
  muslinctl doctor
{{- if .Values.pool.cidr }}

Pods get addresses of {{ .Values.pool.cidr }} (IPPool default-ipv4-ippool).
{{- else }}

There is no pool yet: pods get no addresses until you apply an IPPool, or set pool.cidr.
{{- end }}
{{- if .Values.metrics.serviceMonitor }}{{ if .Values.metrics.enabled }}{{ else }}

metrics.serviceMonitor does nothing without metrics.enabled.
{{- end }}{{ end }}

Definitions are installed once and never upgraded by Helm. Before an upgrade: kubectl apply --server-side -f crds/
"helm uninstall" leaves rules and routes on the nodes, so that a mistake cuts nothing; deploy/uninstall.yaml removes them.
`;
