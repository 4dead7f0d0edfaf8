//! Objects, and the relations that they have: `$NS` and `$AWAY` are namespaces.

pub(crate) const PODS: &str = "\
{apiVersion: v1, kind: Node, metadata: {name: $NS}, spec: {unschedulable: true}}
---
{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: $NS}, provisioner: kube-ext.local/none, volumeBindingMode: WaitForFirstConsumer}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: $NS}
spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], storageClassName: $NS, hostPath: {path: /none}}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: $NS-old, annotations: {volume.beta.kubernetes.io/storage-class: $NS-beta}}
spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], storageClassName: $NS, hostPath: {path: /none}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {volumeName: $NS, storageClassName: $NS, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: lost}
spec: {volumeName: $NS-none, storageClassName: '', accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: classless}
spec: {storageClassName: $NS-none, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: builder}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: leaver}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: debugging}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: nobody-uses-it}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: elsewhere, namespace: $AWAY}}
---
{apiVersion: v1, kind: Secret, metadata: {name: password}}
---
{apiVersion: v1, kind: Secret, metadata: {name: settings}}
---
apiVersion: v1
kind: Pod
metadata: {name: uses}
spec:
  schedulerName: nobody
  automountServiceAccountToken: false
  serviceAccountName: builder
  $DEBUGGER
  imagePullSecrets: [{name: registry}, {name: password}]
  initContainers:
  - name: setup
    image: kube-ext.local/tools:1
    envFrom: [{configMapRef: {name: setup}}, {secretRef: {name: setup, optional: true}}]
  containers:
  - name: app
    image: kube-ext.local/tools:1
    env:
    - {name: PLAIN, value: settings}
    - {name: MODE, valueFrom: {configMapKeyRef: {name: settings, key: mode}}}
    - {name: MAYBE, valueFrom: {configMapKeyRef: {name: maybe, key: mode, optional: true}}}
    - {name: PASSWORD, valueFrom: {secretKeyRef: {name: password, key: password, optional: true}}}
    - {name: TOKEN, valueFrom: {secretKeyRef: {name: token, key: token}}}
    envFrom: [{configMapRef: {name: elsewhere, optional: true}}]
  volumes:
  - {name: config, configMap: {name: settings, optional: true}}
  - {name: maybe, configMap: {name: maybe, optional: true}}
  - {name: secret, secret: {secretName: certificate}}
  - {name: perhaps, secret: {secretName: perhaps, optional: true}}
  - name: all
    projected:
      sources:
      - {configMap: {name: projected}}
      - {secret: {name: settings, optional: true}}
      - {downwardAPI: {items: [{path: name, fieldRef: {fieldPath: metadata.name}}]}}
  - {name: data, persistentVolumeClaim: {claimName: data}}
  - {name: none, persistentVolumeClaim: {claimName: none}}
  - name: scratch
    ephemeral: {volumeClaimTemplate: {spec: {storageClassName: $NS, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: uses-scratch
  ownerReferences: [{apiVersion: v1, kind: Pod, name: uses, uid: $UID(uses), controller: true, blockOwnerDeletion: true}]
spec: {storageClassName: $NS, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: bound}
spec:
  nodeName: $NS
  serviceAccountName: leaver
  automountServiceAccountToken: false
  containers: [{name: app, image: 'kube-ext.local/tools:1'}]
---
apiVersion: v1
kind: Pod
metadata: {name: adrift, finalizers: [kube-ext.local/held]}
spec:
  nodeName: $NS-none
  serviceAccountName: builder
  automountServiceAccountToken: false
  containers: [{name: app, image: 'kube-ext.local/tools:1'}]";

pub(crate) const DEBUGGER: &str = "ephemeralContainers: [{name: debugger, image: 'kube-ext.local/tools:1', envFrom: [{configMapRef: {name: debugging}}, {secretRef: {name: debugging, optional: true}}]}]";

pub(crate) const PODS_SAY: &str = "
~ Pod $NS/bound: runs on Node $NS
~ Pod $NS/adrift: runs on Node $NS-none Missing Gone
= Pod $NS/bound: service account ServiceAccount $NS/leaver Missing Gone
= Pod $NS/adrift: service account ServiceAccount $NS/builder
= Pod $NS/uses: service account ServiceAccount $NS/builder
= Pod $NS/uses: config map ConfigMap $NS/settings
= Pod $NS/uses: config map ConfigMap $NS/debugging
= Pod $NS/uses: config map ConfigMap $NS/setup Missing Gone
= Pod $NS/uses: config map ConfigMap $NS/projected Missing Gone
= Pod $NS/uses: config map? ConfigMap $NS/maybe Missing Gone
= Pod $NS/uses: config map? ConfigMap $NS/elsewhere Missing Gone
= Pod $NS/uses: secret Secret $NS/password
= Pod $NS/uses: secret Secret $NS/registry Missing Gone
= Pod $NS/uses: secret Secret $NS/token Missing Gone
= Pod $NS/uses: secret Secret $NS/certificate Missing Gone
= Pod $NS/uses: secret? Secret $NS/settings
= Pod $NS/uses: secret? Secret $NS/setup Missing Gone
= Pod $NS/uses: secret? Secret $NS/perhaps Missing Gone
= Pod $NS/uses: secret? Secret $NS/debugging Missing Gone
= Pod $NS/uses: claim PersistentVolumeClaim $NS/data
= Pod $NS/uses: claim PersistentVolumeClaim $NS/uses-scratch
= Pod $NS/uses: claim PersistentVolumeClaim $NS/none Missing Gone
~ PersistentVolumeClaim $NS/data: volume PersistentVolume $NS
~ PersistentVolumeClaim $NS/data: storage class StorageClass $NS
~ PersistentVolumeClaim $NS/uses-scratch: storage class StorageClass $NS
~ PersistentVolumeClaim $NS/lost: volume PersistentVolume $NS-none Missing Gone
~ PersistentVolumeClaim $NS/classless: storage class StorageClass $NS-none Missing Gone
- PersistentVolume $NS: storage class StorageClass $NS
- PersistentVolume $NS-old: storage class StorageClass $NS-beta Missing Gone
";

pub(crate) const TRAFFIC: &str = "\
{apiVersion: v1, kind: Pod, metadata: {name: web-0}, spec: {schedulerName: nobody, containers: [{name: app, image: 'kube-ext.local/tools:1'}], automountServiceAccountToken: false, serviceAccountName: default}}
---
{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {ports: [{port: 80}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: idle}, spec: {ports: [{port: 80}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: far, namespace: $AWAY}, spec: {ports: [{port: 80}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-a, labels: {kubernetes.io/service-name: web, endpointslice.kubernetes.io/managed-by: kube-ext.local}}
addressType: IPv4
ports: [{port: 80}]
endpoints:
- {addresses: [10.1.2.1], targetRef: {kind: Pod, name: web-0, namespace: $NS, uid: $UID(web-0)}}
- {addresses: [10.1.2.2], targetRef: {kind: Pod, name: again, namespace: $NS, uid: $FIRST}}
- {addresses: [10.1.2.3], targetRef: {kind: Pod, name: again, namespace: $NS, uid: $UID(again)}}
- {addresses: [10.1.2.4], targetRef: {kind: Pod, name: past, namespace: $NS, uid: $UID(past)}}
- {addresses: [10.1.2.5], targetRef: {kind: Pod, name: other, namespace: $NS, uid: $UID(web-0)}}
- {addresses: [10.1.2.6], targetRef: {kind: Pod, name: web-0, namespace: $AWAY, uid: $UID(web-0)}}
- {addresses: [10.1.2.7], targetRef: {kind: Pod, name: far, namespace: $AWAY}}
- {addresses: [10.1.2.8], targetRef: {kind: Node, name: web-0}}
- {addresses: [10.1.2.9]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-b, labels: {kubernetes.io/service-name: web, endpointslice.kubernetes.io/managed-by: kube-ext.local}}
addressType: IPv4
ports: []
endpoints: [{addresses: [10.1.2.1], targetRef: {kind: Pod, name: web-0}}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: nobodys, labels: {kubernetes.io/service-name: none, endpointslice.kubernetes.io/managed-by: kube-ext.local}}
addressType: IPv4
ports: []
endpoints: []
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: loose, labels: {endpointslice.kubernetes.io/managed-by: kube-ext.local}}
addressType: IPv4
ports: []
endpoints: []
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop}
spec:
  defaultBackend: {service: {name: fallback, port: {number: 80}}}
  rules:
  - http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}
      - {path: /far, pathType: Prefix, backend: {service: {name: far, port: {number: 80}}}}
      - {path: /map, pathType: ImplementationSpecific, backend: {resource: {kind: ConfigMap, name: page}}}
      - {path: /node, pathType: ImplementationSpecific, backend: {resource: {kind: Node, name: $NS-none}}}
      - {path: /img, pathType: ImplementationSpecific, backend: {resource: {apiGroup: none.example, kind: Bucket, name: images}}}
  - {host: other.example, http: {paths: [{path: /, pathType: Exact, backend: {service: {name: web, port: {number: 80}}}}]}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: page}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: app, image: 'kube-ext.local/tools:1'}]}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: old}
spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1beta1, kind: Deployment, name: web}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: none}
spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: StatefulSet, name: web}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: farm}
spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: none.example/v1, kind: Farm, name: web}}";

/// Pods are admitted with the service account `default`.
pub(crate) const TRAFFIC_SAYS: &str = "
= Pod $NS/again: service account ServiceAccount $NS/default
= Pod $NS/web-0: service account ServiceAccount $NS/default
= Service $NS/web: slice EndpointSlice $NS/web-a
= Service $NS/web: slice EndpointSlice $NS/web-b
= Service $NS/none: slice EndpointSlice $NS/nobodys Missing Gone
= EndpointSlice $NS/web-a: endpoint Pod $NS/web-0
= EndpointSlice $NS/web-a: endpoint Pod $NS/again
= EndpointSlice $NS/web-a: endpoint Pod $NS/again Replaced Gone
= EndpointSlice $NS/web-a: endpoint Pod $NS/past Missing Gone
= EndpointSlice $NS/web-a: endpoint Pod $NS/web-0 OtherIdentity
= EndpointSlice $NS/web-a: endpoint Pod $NS/web-0 OtherNamespace
~ EndpointSlice $NS/web-a: endpoint Pod $AWAY/far Missing Gone
= EndpointSlice $NS/web-b: endpoint Pod $NS/web-0
= Ingress $NS/shop: backend Service $NS/web
= Ingress $NS/shop: backend Service $NS/fallback Missing Gone
= Ingress $NS/shop: backend Service $NS/far Missing Gone
= Ingress $NS/shop: backend ConfigMap $NS/page
~ Ingress $NS/shop: backend Node $NS-none Missing Gone
= Ingress $NS/shop: backend Bucket $NS/images UnknownKind Unknown
= HorizontalPodAutoscaler $NS/web: scale target Deployment $NS/web
= HorizontalPodAutoscaler $NS/old: scale target Deployment $NS/web
= HorizontalPodAutoscaler $NS/none: scale target StatefulSet $NS/web Missing Gone
= HorizontalPodAutoscaler $NS/farm: scale target Farm $NS/web UnknownKind Unknown
";

pub(crate) const SELECTORS: &str = "\
{apiVersion: v1, kind: Pod, metadata: {name: web-0, labels: {app: web, tier: front}}, spec: {schedulerName: nobody, automountServiceAccountToken: false, serviceAccountName: default, containers: [{name: app, image: 'kube-ext.local/tools:1'}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: web-1, labels: {app: web}}, spec: {schedulerName: nobody, automountServiceAccountToken: false, serviceAccountName: default, containers: [{name: app, image: 'kube-ext.local/tools:1'}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: db-0, labels: {app: db, tier: ''}}, spec: {schedulerName: nobody, automountServiceAccountToken: false, serviceAccountName: default, containers: [{name: app, image: 'kube-ext.local/tools:1'}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: bare}, spec: {schedulerName: nobody, automountServiceAccountToken: false, serviceAccountName: default, containers: [{name: app, image: 'kube-ext.local/tools:1'}]}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: $AWAY}}
---
{apiVersion: v1, kind: Pod, metadata: {name: web-0, namespace: $AWAY, labels: {app: web, tier: front}}, spec: {schedulerName: nobody, automountServiceAccountToken: false, serviceAccountName: default, containers: [{name: app, image: 'kube-ext.local/tools:1'}]}}
---
{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: by-app}, spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}}
---
{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: by-set}, spec: {minAvailable: 1, selector: {matchExpressions: [{key: app, operator: In, values: [web, db]}, {key: tier, operator: Exists}]}}}
---
{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: not-web}, spec: {minAvailable: 1, selector: {matchExpressions: [{key: app, operator: NotIn, values: [web]}]}}}
---
{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: without}, spec: {minAvailable: 1, selector: {matchExpressions: [{key: app, operator: DoesNotExist}]}}}
---
{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: empty}, spec: {minAvailable: 1, selector: {}}}
---
{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: of-nobody}, spec: {minAvailable: 1, selector: {matchLabels: {app: none}}}}
---
{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: none}, spec: {minAvailable: 1}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: by-app}, spec: {podSelector: {matchLabels: {app: web}}}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: both}, spec: {podSelector: {matchLabels: {app: web}, matchExpressions: [{key: tier, operator: DoesNotExist}]}}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: empty}, spec: {podSelector: {}, policyTypes: [Egress]}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: by-nothing}, spec: {podSelector: {matchLabels: {tier: ''}}}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: empty, namespace: $AWAY}, spec: {podSelector: {}}}";

pub(crate) const SELECTORS_SAY: &str = "
= Pod $NS/bare: service account ServiceAccount $NS/default
= Pod $NS/db-0: service account ServiceAccount $NS/default
= Pod $NS/web-0: service account ServiceAccount $NS/default
= Pod $NS/web-1: service account ServiceAccount $NS/default
- Pod $AWAY/web-0: service account ServiceAccount $AWAY/default
= PodDisruptionBudget $NS/by-app: budget Pod $NS/web-0
= PodDisruptionBudget $NS/by-app: budget Pod $NS/web-1
= PodDisruptionBudget $NS/by-set: budget Pod $NS/db-0
= PodDisruptionBudget $NS/by-set: budget Pod $NS/web-0
= PodDisruptionBudget $NS/not-web: budget Pod $NS/bare
= PodDisruptionBudget $NS/not-web: budget Pod $NS/db-0
= PodDisruptionBudget $NS/without: budget Pod $NS/bare
= PodDisruptionBudget $NS/empty: budget Pod $NS/bare
= PodDisruptionBudget $NS/empty: budget Pod $NS/db-0
= PodDisruptionBudget $NS/empty: budget Pod $NS/web-0
= PodDisruptionBudget $NS/empty: budget Pod $NS/web-1
= NetworkPolicy $NS/by-app: policy Pod $NS/web-0
= NetworkPolicy $NS/by-app: policy Pod $NS/web-1
= NetworkPolicy $NS/both: policy Pod $NS/web-1
= NetworkPolicy $NS/empty: policy Pod $NS/bare
= NetworkPolicy $NS/empty: policy Pod $NS/db-0
= NetworkPolicy $NS/empty: policy Pod $NS/web-0
= NetworkPolicy $NS/empty: policy Pod $NS/web-1
= NetworkPolicy $NS/by-nothing: policy Pod $NS/db-0
- NetworkPolicy $AWAY/empty: policy Pod $AWAY/web-0
";

pub(crate) const ACCESS: &str = "\
{apiVersion: v1, kind: ServiceAccount, metadata: {name: builder}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: robot, namespace: $AWAY}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: reader}, rules: [{apiGroups: [none.example], resources: [things], verbs: [get]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: here}, rules: [{apiGroups: [none.example], resources: [things], verbs: [update]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: far, namespace: $AWAY}, rules: []}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: $NS-reader}, rules: [{apiGroups: [none.example], resources: [things], verbs: [list]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: $NS-all}, rules: [{apiGroups: [none.example], resources: [things], verbs: [watch]}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: readers}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects:
- {kind: ServiceAccount, name: builder, namespace: $NS}
- {kind: ServiceAccount, name: none, namespace: $NS}
- {kind: ServiceAccount, name: robot, namespace: $AWAY}
- {kind: ServiceAccount, name: none, namespace: $AWAY}
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: jane}
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: 'system:serviceaccount:$NS:builder'}
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: 'system:node:node-0'}
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: staff}
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: 'system:serviceaccounts:$AWAY'}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: here}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: here}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: 'system:serviceaccounts:$NS'}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: by-user}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: $NS-reader}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: 'system:serviceaccount:$NS:builder'}
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: 'system:serviceaccount:$AWAY:robot'}
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: 'system:serviceaccount:$AWAY:none'}
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: jane}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: lost}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: far}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: $NS-all}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: $NS-all}
subjects:
- {kind: ServiceAccount, name: builder, namespace: $NS}
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: 'system:serviceaccounts'}
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: 'system:authenticated'}
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: staff}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: $NS-lost}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: $NS-none}
subjects: [{kind: ServiceAccount, name: builder, namespace: $NS-none}]";

pub(crate) const ACCESS_SAYS: &str = "
= RoleBinding $NS/readers: role Role $NS/reader
= RoleBinding $NS/readers: subject ServiceAccount $NS/builder
= RoleBinding $NS/readers: subject ServiceAccount $NS/none Missing Gone
~ RoleBinding $NS/readers: subject ServiceAccount $AWAY/robot
~ RoleBinding $NS/readers: subject ServiceAccount $AWAY/none Missing Gone
= RoleBinding $NS/readers: subject User jane NoObject
= RoleBinding $NS/readers: subject User system:node:node-0 NoObject
= RoleBinding $NS/readers: subject Group staff NoObject
= RoleBinding $NS/here: role Role $NS/here
= RoleBinding $NS/here: subject Group system:serviceaccounts:$NS NoObject
= RoleBinding $NS/readers: subject Group system:serviceaccounts:$AWAY NoObject
~ RoleBinding $NS/by-user: role ClusterRole $NS-reader
= RoleBinding $NS/by-user: subject ServiceAccount $NS/builder
~ RoleBinding $NS/by-user: subject ServiceAccount $AWAY/robot
~ RoleBinding $NS/by-user: subject ServiceAccount $AWAY/none Missing Gone
= RoleBinding $NS/by-user: subject User jane NoObject
= RoleBinding $NS/lost: role Role $NS/far Missing Gone
- ClusterRoleBinding $NS-all: role ClusterRole $NS-all
- ClusterRoleBinding $NS-all: subject ServiceAccount $NS/builder
- ClusterRoleBinding $NS-all: subject Group system:serviceaccounts NoObject
- ClusterRoleBinding $NS-all: subject Group system:authenticated NoObject
- ClusterRoleBinding $NS-all: subject Group staff NoObject
- ClusterRoleBinding $NS-lost: role ClusterRole $NS-none Missing Gone
- ClusterRoleBinding $NS-lost: subject ServiceAccount $NS-none/builder Missing Gone
= Group system:serviceaccounts:$NS: member ServiceAccount $NS/builder
= Group system:serviceaccounts:$NS: member ServiceAccount $NS/default
- Group system:serviceaccounts:$AWAY: member ServiceAccount $AWAY/default
- Group system:serviceaccounts:$AWAY: member ServiceAccount $AWAY/robot
- Group system:serviceaccounts: member ServiceAccount $NS/builder
- Group system:serviceaccounts: member ServiceAccount $NS/default
- Group system:serviceaccounts: member ServiceAccount $AWAY/default
- Group system:serviceaccounts: member ServiceAccount $AWAY/robot
- Group system:authenticated: member ServiceAccount $NS/builder
- Group system:authenticated: member ServiceAccount $NS/default
- Group system:authenticated: member ServiceAccount $AWAY/default
- Group system:authenticated: member ServiceAccount $AWAY/robot
";
