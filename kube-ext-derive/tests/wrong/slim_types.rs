use std::collections::HashMap;

use k8s_openapi::api::core::v1::Pod;
use kube_ext::slim::{Interned, Slim};

#[derive(Slim)]
#[slim(of = Pod)]
struct Row {
    #[slim(path = "spec.nodeName")]
    no_number: Option<u32>,
    #[slim(path = "spec.hostNetwork")]
    no_text: Option<Interned>,
    #[slim(path = "spec.containers[].name")]
    no_numbers: Vec<u16>,
    #[slim(path = "spec.volumes")]
    no_such_list: Vec<String>,
    #[slim(path = "status.containerStatuses[].image", fold = sum)]
    no_sum: u32,
    #[slim(path = "status.containerStatuses[].restartCount", fold = any)]
    no_truth: bool,
    #[slim(path = "status.containerStatuses[].state", fold = join)]
    no_joined: String,
    #[slim(path = "spec.terminationGracePeriodSeconds")]
    no_sign: Option<u64>,
    #[slim(path = "spec.containers[].ports[].containerPort")]
    narrower: Vec<u16>,
    #[slim(path = "spec.nodeName")]
    no_list: Vec<String>,
    #[slim(path = "metadata.labels")]
    no_such_map: HashMap<u32, String>,
}

fn main() {}
