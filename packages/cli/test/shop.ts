/** A small repository: two pods, one policy; line numbers matter to the tests. */
export const SHOP = `apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: shop, labels: {app: web}}
spec: {containers: [{name: c, ports: [{containerPort: 80, name: http}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db-1, namespace: shop, labels: {app: db}}
spec: {containers: [{name: c, ports: [{containerPort: 5432, name: postgres}, {containerPort: 9187}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
    - from:
        - ipBlock:
            cidr: 10.0.0.0/8
        - podSelector: {matchLabels: {app: web}}
      ports: [{port: 5432}]
`;
