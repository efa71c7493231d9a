/**
 * The lab's stand-in for kube-apiserver: a real HTTPS server with the API machinery that kubectl and client
 * libraries rely on, and the little of kube-controller-manager that a network needs.
 *
 * @packageDocumentation
 */
export type { Attempt } from './api.ts';
export { type Certificates, makeCertificates } from './certificates.ts';
export { kubeconfigText } from './kubeconfig.ts';
export { type ApiServer, type ApiServerOptions, startApiServer } from './server.ts';
