//! Whatever happens, in the end each store has what a list has: kube's, packed objects, rows of their JSON, and rows that are views.

use std::{collections::BTreeSet, fmt::Debug, time::Duration};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Resource, api::ListParams, core::ObjectMeta, runtime::reflector};
use kube_ext::{
    fake::{Calls, FakeCluster, Fault, Rule},
    slim::{Slim, SlimMeta},
    store::{
        self, CompactStore, RowStore, reflect,
        reflect::{Keep, Lists, Reflect, Reflection},
    },
};
use serde::{Deserialize, de::DeserializeOwned};

use super::{PATIENCE, Told, create, delete, ready, value, words};

type Row = (String, Option<String>, Option<String>);

/// Who fills which store; each gets the same faults.
const USERS: [&str; 4] = ["kubes", "packed", "rows", "views"];

/// A row of the JSON.
#[derive(Deserialize)]
struct Json {
    metadata: ObjectMeta,
}

#[derive(Slim, Clone, Debug)]
#[slim(of = ConfigMap)]
struct View {
    #[slim(metadata)]
    meta: SlimMeta,
}

fn row(meta: &ObjectMeta) -> Row {
    (meta.name.clone().unwrap(), meta.uid.clone(), meta.resource_version.clone())
}

fn sorted(rows: impl IntoIterator<Item = Row>) -> Vec<Row> {
    let mut rows: Vec<_> = rows.into_iter().collect();
    rows.sort();
    rows
}

/// A store, and what fills it.
struct Filled {
    user: &'static str,
    rows: Box<dyn Fn() -> Vec<Row>>,
    told: Told,
    reflection: Reflection,
}

impl Filled {
    fn start<W>(user: &'static str, reflect: Reflect<W>, rows: impl Fn() -> Vec<Row> + 'static) -> Self
    where
        W: Keep<Object: Resource + Clone + DeserializeOwned + Debug + Send>,
    {
        let told = Told::default();
        let tell = told.clone();
        let reflection = reflect
            .page_size(3)
            .backoff(Duration::from_millis(5), Duration::from_millis(20))
            .on_error(move |error| tell.0.lock().unwrap().push(error.to_string()))
            .start();
        Self { user, rows: Box::new(rows), told, reflection }
    }

    /// All of them.
    fn all(cluster: &FakeCluster, lists: Lists) -> [Self; 4] {
        let client = |user| cluster.client_as(user).unwrap();
        let kubes = {
            let (store, writer) = reflector::store::<ConfigMap>();
            let reflect = reflect(Api::default_namespaced(client("kubes")), writer).lists(lists);
            Self::start("kubes", reflect, move || sorted(store.state().iter().map(|map| row(&map.metadata))))
        };
        let packed = {
            let (store, writer) = store::compact::<ConfigMap>();
            let reflect = reflect(Api::default_namespaced(client("packed")), writer).lists(lists);
            Self::start("packed", reflect, move || {
                sorted(store.objects().map(|map| row(&map.unwrap().metadata)))
            })
        };
        let rows = {
            let (store, writer) = CompactStore::<ConfigMap, Json>::builder().rows_only().build();
            let reflect = reflect(Api::default_namespaced(client("rows")), writer).lists(lists);
            Self::start("rows", reflect, move || rows_of(&store, |json| row(&json.metadata)))
        };
        let views = {
            let (store, writer) = CompactStore::<ConfigMap, View>::builder().rows_only().build();
            let reflect = reflect(Api::default_namespaced(client("views")), writer.views()).lists(lists);
            Self::start("views", reflect, move || {
                rows_of(&store, |View { meta }| {
                    let (uid, version) = (meta.uid(), meta.resource_version());
                    (meta.name().to_owned(), uid.map(Into::into), version.map(Into::into))
                })
            })
        };
        [kubes, packed, rows, views]
    }

    fn is_at(&self, expected: &[Row]) -> bool {
        (self.rows)() == expected && words(&self.reflection.state()) == "live"
    }
}

/// The rows of a store, each of which is found by its name.
fn rows_of<R>(store: &RowStore<ConfigMap, R>, of: impl Fn(&R) -> Row) -> Vec<Row> {
    let mut rows = Vec::new();
    store.for_each_row(|_, name, row| {
        let row = of(row);
        assert_eq!(row.0, name);
        rows.push(row);
    });
    sorted(rows)
}

async fn listed(api: &Api<ConfigMap>) -> Vec<Row> {
    // The server may just restart.
    let list = loop {
        if let Ok(list) = api.list(&ListParams::default()).await {
            break list;
        }
    };
    sorted(list.items.iter().map(|map| row(&map.metadata)))
}

/// Something goes wrong with what comes next.
fn faults(rng: &mut fastrand::Rng) -> Vec<(Calls, Fault)> {
    let calls = |verb| Calls::verb(verb).resource("configmaps");
    match rng.u8(..8) {
        0 => vec![(calls("watch").first(1), Fault::expired())],
        1 => vec![
            (calls("watch").first(1), Fault::expired()),
            (calls("list").first(2), Fault::cut_after_bytes(rng.u64(..3000))),
        ],
        2 => vec![
            (calls("watch").first(2), Fault::expired()),
            (calls("list").nth(rng.u64(1..4)), Fault::internal_error("no")),
        ],
        3 => vec![(calls("watch").first(2), Fault::cut_after_bytes(rng.u64(..2000)))],
        4 => vec![(calls("watch").first(3), Fault::cut_after_events(rng.u64(..8)))],
        5 => vec![(calls("watch").first(1), Fault::cut_after_events(rng.u64(..8)).cleanly())],
        6 => vec![(calls("watch").first(2), Fault::forbidden())],
        // All that is known is forgotten.
        _ => vec![],
    }
}

/// Writes and faults by turns.
async fn ends_equal(lists: Lists, seed: u64) {
    let builder = FakeCluster::builder().objects((0..10).map(|number| value(&format!("fixed-{number}"))));
    let builder = USERS.iter().fold(builder, |builder, user| builder.user(*user, [Rule::everything()]));
    let cluster = builder.start().await.unwrap();
    let admin = Api::<ConfigMap>::default_namespaced(cluster.client().unwrap());
    let stores = Filled::all(&cluster, lists);
    for store in &stores {
        ready(&store.reflection).await;
    }
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut there = BTreeSet::new();
    for round in 0..40 {
        let faults = faults(&mut rng);
        for (calls, fault) in &faults {
            for user in USERS {
                cluster.faults().add(calls.clone().user(user), fault.clone());
            }
        }
        if faults.is_empty() {
            cluster.faults().compact();
        }
        cluster.faults().restart();
        for _ in 0..rng.u8(1..10) {
            let name = format!("map-{}", rng.u8(..12));
            if there.remove(&name) {
                delete(&cluster, &name).await;
            } else {
                create(&cluster, &name);
                there.insert(name);
            }
            if rng.u8(..4) == 0 {
                tokio::time::sleep(Duration::from_millis(rng.u64(..6))).await;
            }
        }
        cluster.faults().clear();
        let expected = listed(&admin).await;
        let equal = async {
            while !stores.iter().all(|store| store.is_at(&expected)) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, equal).await.is_err() {
            for store in stores.iter().filter(|store| !store.is_at(&expected)) {
                eprintln!("{}, {}: {:#?}", store.user, words(&store.reflection.state()), (store.rows)());
            }
            panic!("round {round} of {seed}: {expected:#?}");
        }
    }
    for Filled { user, told, reflection, .. } in &stores {
        let (counts, errors) = (reflection.counts(), told.errors().len());
        assert!(counts.lists > 5 && errors > 20, "{user}: {counts:?}: nothing was tried");
        assert_eq!(counts.refused, 0);
    }
}

#[tokio::test]
async fn pages() {
    ends_equal(Lists::Paged, 1).await;
}

#[tokio::test]
async fn streamed_lists() {
    ends_equal(Lists::Streamed, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_the_server_has() {
    ends_equal(Lists::Auto, 3).await;
}
