use super::tests::transform;

/// What is found when a connector file is read: each names its key.
#[test]
fn what_cannot_work_is_said_at_once() {
    for (class, options, expected) in [
        ("Cast$Value", "", "transforms.t.spec: is required"),
        (
            "Cast$Value",
            "spec=a:bytes",
            "transforms.t.spec=\"a:bytes\": nothing can be cast to bytes; the types are int8",
        ),
        ("Cast$Value", "spec=a:integer", "\"integer\" is no type; the types are int8"),
        ("Cast$Value", "spec=a:x:y", "\"x:y\" is no type"),
        ("Cast$Value", "spec=a:", "\"\" is no type"),
        ("Cast$Value", "spec=a:int8,string", "transforms.t.spec=\"string\": is a type without a field"),
        ("DropHeaders", "", "transforms.t.headers: is required"),
        ("ExtractField$Key", "", "transforms.t.field: is required"),
        ("ExtractField$Key", "field=`a;field.syntax.version=V2", "has a backtick at position 0 that none closes"),
        ("ExtractField$Key", "field=a;field.syntax.version=V3", "must be one of V1, V2"),
        ("HeaderFrom$Value", "fields=a,b;headers=h;operation=copy", "must name a header for each of the 2 fields"),
        ("HeaderFrom$Value", "fields=a;headers=h;operation=delete", "must be one of move, copy"),
        ("InsertField$Value", "", "transforms.t.topic.field: is required, or partition.field"),
        ("InsertField$Value", "static.field=a", "transforms.t.static.value: is required beside static.field"),
        ("InsertField$Value", "static.value=a", "transforms.t.static.field: is required beside static.value"),
        ("InsertField$Value", "offset.field=o", "is for sink connectors"),
        ("InsertHeader", "header=h", "transforms.t.value.literal: is required"),
        ("InsertHeader", "header=h;value.literal=[1,\"a\"]", "has elements of several types"),
        ("MaskField$Value", "fields=a;replacement=", "transforms.t.replacement: is empty"),
        ("RegexRouter", "regex=(;replacement=x", "transforms.t.regex=\"(\": is no regular expression"),
        ("RegexRouter", "regex=(a);replacement=$2", "transforms.t.replacement=\"$2\": the expression has no group 2"),
        ("ReplaceField$Value", "renames=a", "must be a field and its new name, old:new"),
        ("ReplaceField$Value", "exclude=a;blacklist=b", "transforms.t.blacklist: is the old name of exclude"),
        ("SetSchemaMetadata$Value", "", "transforms.t.schema.name: is required, or schema.version, or both"),
        ("SetSchemaMetadata$Value", "schema.version=x", "must be a whole number in range"),
        ("TimestampConverter$Value", "target.type=string", "transforms.t.format: is required with target.type=string"),
        ("TimestampConverter$Value", "target.type=unixx", "did you mean \"unix\"?"),
        ("TimestampConverter$Value", "target.type=unix;format=yyyy-ww", "has the letter w at position 5"),
        ("TimestampConverter$Value", "target.type=unix;unix.precision=ms", "must be one of seconds, milliseconds"),
        (
            "TimestampRouter",
            "timestamp.format=yyyy'x",
            "transforms.t.timestamp.format=\"yyyy'x\": has a quote at position 4",
        ),
        ("ValueToKey", "", "transforms.t.fields: is required"),
        ("Cast", "spec=int8", "works on keys or on values; write org.apache.kafka.connect.transforms.Cast$Key or"),
        (
            "ValueToKey$Key",
            "fields=a",
            "has no forms for keys and values; write org.apache.kafka.connect.transforms.ValueToKey",
        ),
        ("Casts$Key", "spec=int8", "did you mean \"org.apache.kafka.connect.transforms.Cast$Key\"?"),
    ] {
        let problems = transform(class, options).err().unwrap_or_else(|| panic!("{class} {options} is taken"));
        assert!(problems.contains(expected), "{class} {options}: {problems}");
    }
}
