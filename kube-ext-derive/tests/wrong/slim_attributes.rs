use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube_ext::slim::{Slim, SlimMeta};

#[derive(Slim)]
#[slim(of = Pod)]
struct NoBrackets {
    #[slim(path = "spec.nodeName", fold = first)]
    field: Option<String>,
}

#[derive(Slim)]
#[slim(of = Pod)]
struct NoFold {
    #[slim(path = "spec.containers[].name", fold = last)]
    field: Option<String>,
}

#[derive(Slim)]
#[slim(of = Pod)]
struct NoPath {
    #[slim(path = "spec..nodeName")]
    field: Option<String>,
}

#[derive(Slim)]
#[slim(of = Pod)]
struct NoKey {
    #[slim(path = "metadata.labels[app]")]
    field: Option<String>,
}

#[derive(Slim)]
#[slim(of = Pod)]
struct NoSeparator {
    #[slim(path = "spec.containers[].name", fold = first, separator = ",")]
    field: Option<String>,
}

#[derive(Slim)]
#[slim(of = Pod)]
struct NoSuchWord {
    #[slim(paht = "spec.nodeName")]
    field: Option<String>,
}

#[derive(Slim)]
#[slim(of = Pod)]
struct OtherShape {
    #[slim(path = "spec.nodeName", rust = "spec")]
    field: Option<String>,
}

#[derive(Slim)]
#[slim(of = Pod)]
struct LabelsOfAPath {
    #[slim(path = "spec.nodeName", labels)]
    field: Option<String>,
}

#[derive(Slim)]
#[slim(of = Pod)]
struct NothingSaid {
    field: String,
}

#[derive(Slim)]
struct OfNothing {
    #[slim(path = "spec.nodeName")]
    field: Option<String>,
}

#[derive(Slim)]
#[slim(of = Pod)]
enum NoStruct {
    A,
}

#[derive(Slim)]
#[slim(of = Pod)]
struct NoNames(#[slim(path = "spec.nodeName")] String);

#[derive(Slim)]
#[slim(of = Pod)]
struct Parameters<T> {
    #[slim(path = "spec.nodeName")]
    field: T,
}

#[derive(Slim)]
#[slim(of = Pod)]
struct WholeAndPart {
    #[slim(path = "status")]
    whole: Option<PodStatus>,
    #[slim(path = "status.phase")]
    part: Option<String>,
}

#[derive(Slim)]
#[slim(of = Pod)]
struct NameTwice {
    #[slim(metadata)]
    meta: SlimMeta,
    #[slim(path = "metadata.name")]
    name: Option<String>,
}

#[derive(Slim)]
#[slim(of = Pod)]
struct MetadataTwice {
    #[slim(metadata)]
    one: SlimMeta,
    #[slim(metadata)]
    two: SlimMeta,
}

#[derive(Slim)]
#[slim(of = Pod)]
struct NoField {
    #[slim(path = "spec.1st")]
    field: Option<String>,
}

fn main() {}
