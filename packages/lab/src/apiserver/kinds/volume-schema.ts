import { listBy, listOf, shape, withDefault } from '../schema/shape.ts';
import { labelSelector, localReference, objectMeta } from './common-schema.ts';
import { fieldRef, resourceFieldRef, resources } from './container-schema.ts';

const items = listOf(shape({ 'key!': 'string', 'path!': 'string', mode: 'int32' }));
const downward = listOf(shape({ 'path!': 'string', fieldRef, resourceFieldRef, mode: 'int32' }));
const mode = withDefault({ type: 'integer', format: 'int32' }, 420);

const claimSpec = shape({
  accessModes: 'string[]',
  selector: labelSelector,
  resources,
  volumeName: 'string',
  storageClassName: 'string',
  volumeMode: 'string',
  dataSource: shape({ apiGroup: 'string', 'kind!': 'string', 'name!': 'string' }),
  dataSourceRef: shape({ apiGroup: 'string', 'kind!': 'string', 'name!': 'string', namespace: 'string' }),
  volumeAttributesClassName: 'string',
});

const projection = shape({
  secret: shape({ name: 'string', items, optional: 'bool' }),
  configMap: shape({ name: 'string', items, optional: 'bool' }),
  downwardAPI: shape({ items: downward }),
  serviceAccountToken: shape({
    audience: 'string',
    expirationSeconds: withDefault({ type: 'integer', format: 'int64' }, 3600),
    'path!': 'string',
  }),
  clusterTrustBundle: shape({
    name: 'string',
    signerName: 'string',
    labelSelector,
    optional: 'bool',
    'path!': 'string',
  }),
});

/** Volume v1: the sources that run everywhere are spelled out, those of one vendor are not looked into. */
export const volumes = listBy(
  ['name'],
  shape({
    'name!': 'string',
    emptyDir: shape({ medium: 'string', sizeLimit: 'quantity' }),
    hostPath: shape({ 'path!': 'string', type: withDefault({ type: 'string' }, '') }),
    secret: shape({ secretName: 'string', items, defaultMode: mode, optional: 'bool' }),
    configMap: shape({ name: 'string', items, defaultMode: mode, optional: 'bool' }),
    downwardAPI: shape({ items: downward, defaultMode: mode }),
    projected: shape({ sources: listOf(projection), defaultMode: mode }),
    persistentVolumeClaim: shape({ 'claimName!': 'string', readOnly: 'bool' }),
    ephemeral: shape({ volumeClaimTemplate: shape({ metadata: objectMeta, 'spec!': claimSpec }) }),
    nfs: shape({ 'server!': 'string', 'path!': 'string', readOnly: 'bool' }),
    csi: shape({
      'driver!': 'string',
      readOnly: 'bool',
      fsType: 'string',
      volumeAttributes: 'map',
      nodePublishSecretRef: localReference,
    }),
    image: shape({ reference: 'string', pullPolicy: 'string' }),
    iscsi: 'any',
    glusterfs: 'any',
    rbd: 'any',
    cephfs: 'any',
    fc: 'any',
    azureFile: 'any',
    azureDisk: 'any',
    gcePersistentDisk: 'any',
    awsElasticBlockStore: 'any',
    vsphereVolume: 'any',
    cinder: 'any',
    flexVolume: 'any',
    flocker: 'any',
    gitRepo: 'any',
    quobyte: 'any',
    photonPersistentDisk: 'any',
    portworxVolume: 'any',
    scaleIO: 'any',
    storageos: 'any',
  }),
);
