export { Authority, type CertificateFiles } from './authority.ts';
