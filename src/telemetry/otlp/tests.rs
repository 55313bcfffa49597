use super::*;

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn read(pairs: &[(&str, &str)]) -> Option<Settings> {
    Settings::read(variables(pairs)).unwrap()
}

/// All that is wrong, a line each.
fn refused(pairs: &[(&str, &str)]) -> String {
    let endpoint = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")];
    let Err(problems) = Settings::read(variables(&[&endpoint[..], pairs].concat())) else { panic!("not refused") };
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn spans_are_off_unless_somebody_asks_for_them() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
    let nobody: [&[(&str, &str)]; 6] = [
        &[],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")],
        &[("OTEL_SERVICE_NAME", "shop"), ("OTEL_TRACES_SAMPLER", "xray")],
        &[endpoint, ("OTEL_SDK_DISABLED", "true")],
        &[endpoint, ("OTEL_TRACES_EXPORTER", "none"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
        &[("ROWTIDE_OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")],
    ];
    for pairs in nobody {
        assert!(read(pairs).is_none(), "{pairs:?}");
    }
    assert!(read(&[endpoint, ("OTEL_SDK_DISABLED", "false")]).is_some());
}

#[test]
fn the_address_is_what_the_specification_says() {
    let address = |pairs: &[(&str, &str)]| read(pairs).unwrap().endpoint.to_string();
    let (all, traces) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
    assert_eq!(address(&[(all, "http://collector:4318")]), "http://collector:4318/v1/traces");
    assert_eq!(address(&[(all, "https://collector/otlp/")]), "https://collector/otlp/v1/traces");
    assert_eq!(address(&[(all, "http://a:1"), (traces, "http://b:2/spans")]), "http://b:2/spans");
    assert_eq!(address(&[("OTEL_TRACES_EXPORTER", "otlp")]), "http://localhost:4318/v1/traces");
}

#[test]
fn the_rest_is_read_too() {
    let settings = read(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1500"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "none"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=s%20x, tenant=a"),
        ("OTEL_SERVICE_NAME", "shop"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=a%2Cb,team=cdc"),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
    ])
    .unwrap();
    assert_eq!((settings.protocol, settings.timeout), (Protocol::HttpJson, Duration::from_millis(1500)));
    assert_eq!((settings.compression, settings.service.as_deref()), (None, Some("shop")));
    let attributes = [("deployment.environment.name", "a,b"), ("team", "cdc")];
    assert_eq!(settings.resource, attributes.map(|(key, value)| KeyValue::new(key, value)));
    let sampler = format!("{:?}", settings.sampler);
    assert_eq!(sampler, "ParentBased(TraceIdRatioBased(0.25))");
    // A request holds no more than may wait.
    let queue = Queue { spans_max: 100, request_spans_max: 100, delay: Duration::from_secs(5) };
    assert_eq!(settings.queue, queue);
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let cases: [(&[(&str, &str)], &str); 9] = [
        (
            &[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
            "OTEL_EXPORTER_OTLP_PROTOCOL=\"grpc\": is not supported; write http/",
        ),
        (&[("OTEL_EXPORTER_OTLP_PROTOCOL", "http")], "must be http/protobuf or http/json"),
        (&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4318")], "must begin with http:// or https://"),
        (&[("OTEL_TRACES_EXPORTER", "jaeger")], "must be one of otlp, none"),
        (&[("OTEL_TRACES_SAMPLER", "xray")], "must be one of always_on, always_off"),
        (
            &[("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "10")],
            "OTEL_TRACES_SAMPLER_ARG=\"10\": must be a ratio from 0 to 1",
        ),
        (&[("OTEL_RESOURCE_ATTRIBUTES", "team")], "must be name=value,name=value"),
        (&[("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.pem")], "cannot be read"),
        (&[("OTEL_BSP_MAX_QUEUE_SIZE", "0")], "must be from 1 to 100000"),
    ];
    for (pairs, expected) in cases {
        let said = refused(pairs);
        assert!(said.contains(expected) && said.lines().count() == 1, "{pairs:?}: {said}");
    }
}

#[test]
fn no_credential_is_shown() {
    for headers in ["Xyzzy", "a b=Xyzzy", "authorization=Xyzzy%0a", "authorization=Xyzzy%"] {
        let said = refused(&[("OTEL_EXPORTER_OTLP_HEADERS", headers)]);
        assert!(!said.contains("Xyzzy") && said.starts_with("OTEL_EXPORTER_OTLP_HEADERS: "), "{said}");
    }
    let said = refused(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://user:Xyzzy@collector/v1/traces")]);
    assert!(!said.contains("Xyzzy") && said.contains("must hold no credentials"), "{said}");
}
