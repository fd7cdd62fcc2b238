use mongodb::bson::oid::ObjectId;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Regex, Timestamp, doc};

use super::super::raw::{Element, Writer, elements, find, kind};
use super::super::{Json, JsonWriter, MAX_DEPTH, decode};
use super::{bytes_of, decoded, payload};

#[test]
fn ordinary_documents_become_the_text_that_json_stringify_writes() {
    let document = doc! {
        "z": 1, "a": "text", "": null, "undefined": Bson::Undefined, "t": true, "f": false,
        "o": { "x": {} }, "l": [1, "two", [], { "k": [-3] }], "half": 0.5, "now": 1.7e12,
    };
    let text = r#"{"z":1,"a":"text","":null,"undefined":null,"t":true,"f":false,"o":{"x":{}},"l":[1,"two",[],{"k":[-3]}],"half":0.5,"now":1700000000000}"#;
    assert_eq!(
        decoded(&bytes_of(&document)),
        (text.to_owned(), String::new())
    );
    assert_eq!(decoded(&bytes_of(&doc! {})).0, "{}");
}

#[test]
fn doubles_have_the_fewest_digits_that_read_back() {
    for (value, text) in [
        (-0.0, "-0"),
        (0.0, "0"),
        (3.0, "3"),
        (-3.0, "-3"),
        (0.1, "0.1"),
        (1e-7, "1e-7"),
        (9_007_199_254_740_991.0, "9007199254740991"),
        (9_007_199_254_740_992.0, "9007199254740992"),
        (5e-324, "5e-324"),
        (f64::MAX, "1.7976931348623157e+308"),
    ] {
        let (written, _) = decoded(&bytes_of(&doc! { "a": value }));
        let written = &written[5..written.len() - 1];
        assert!(
            written == text || written == text.replace('+', ""),
            "{written} {text}"
        );
        assert_eq!(written.parse::<f64>().unwrap().to_bits(), value.to_bits());
    }
}

#[test]
fn characters_are_escaped_as_json_stringify_does() {
    let document = doc! { "\"\\/\u{8}\t\n\u{c}\r\u{1}": "\0\u{1f} \u{7f}é\u{2028}😀 ｆ\u{FDD1}" };
    assert_eq!(
        decoded(&bytes_of(&document)).0,
        " {\"\\\"\\\\/\\b\\t\\n\\f\\r\\u0001\":\"\\u0000\\u001f \u{7f}é\u{2028}😀 ｆ\u{FDD1}\"}"
    );
}

#[test]
fn marked_code_units_are_turned_back() {
    let document = doc! {
        "\u{FDD0}0000\u{FDD0}d800\u{FDD0}fdd0": "\u{FDD0}dfff\u{FDD0}fdd0",
        "foreign": "\u{FDD0}0000 \u{FDD0}DFFF \u{FDD0}0041 \u{FDD0}d8 \u{FDD0}",
    };
    assert_eq!(
        decoded(&bytes_of(&document)).0,
        " {\"\\u0000\\ud800\u{FDD0}\":\"\\udfff\u{FDD0}\",\
         \"foreign\":\"\u{FDD0}0000 \u{FDD0}DFFF \u{FDD0}0041 \u{FDD0}d8 \u{FDD0}\"}"
    );
}

#[test]
fn specials_are_listed_by_their_nulls_and_paths() {
    let oid = ObjectId::from_bytes([7; 12]);
    let binary = |subtype, bytes: &[u8]| Binary {
        subtype,
        bytes: bytes.to_vec(),
    };
    let document = doc! {
        "date": DateTime::from_millis(-1),
        "deep": { "a": [1, { "\"q\"": i64::MAX }], "b": f64::NAN },
        "list": [[f64::INFINITY, f64::NEG_INFINITY], null],
        "binary": binary(BinarySubtype::Generic, &[0, 1, 2]),
        "old": binary(BinarySubtype::BinaryOld, &[255]),
        "user": binary(BinarySubtype::UserDefined(0x80), &[]),
        "oid": oid,
    };
    let (text, specials) = decoded(&bytes_of(&document));
    assert_eq!(
        text,
        r#" {"date":null,"deep":{"a":[1,{"\"q\"":null}],"b":null},"list":[[null,null],null],"binary":null,"old":null,"user":null,"oid":null}"#
    );
    let expected = format!(
        r#"[0,0,[0,"date"],"date",-1,1,0,[0,"deep","a",1,"\"q\""],"int64","9223372036854775807",1,1,[1,"b"],"double","NaN",2,0,[0,"list",0,0],"double","Infinity",2,1,[2,1],"double","-Infinity",3,0,[0,"binary"],"binary","00AAEC",4,0,[0,"old"],"binary","02/w==",5,0,[0,"user"],"binary","80",6,0,[0,"oid"],"objectId","{}"]"#,
        oid.to_hex(),
    );
    assert_eq!(specials, expected);
    // What was read can be written again, without a copy in JavaScript.
    assert_eq!(super::encoded(&text, &specials), bytes_of(&document));
}

#[test]
fn integers_are_what_the_document_says() {
    let document = bytes_of(&doc! { "a": 5_i64 });
    for (has_bigints, kind) in [(false, "int64"), (true, "bigint")] {
        let mut json = JsonWriter::new();
        json.set_bigints(has_bigints);
        json.start_object();
        json.element(find(&document, "a").unwrap()).unwrap();
        json.end_object();
        let json = json.finish();
        assert_eq!(json.specials, format!(r#"[0,0,[0,"a"],"{kind}","5"]"#));
        assert_eq!(super::encoded(&json.text, &json.specials), document);
    }
}

#[test]
fn a_path_counts_the_steps_that_it_shares_with_the_one_before() {
    let document = doc! {
        "a": [DateTime::from_millis(1), { "b": DateTime::from_millis(2), "c": {} }, DateTime::from_millis(3)],
        "d": { "b": DateTime::from_millis(4) },
    };
    assert_eq!(
        decoded(&bytes_of(&document)).1,
        r#"[0,0,[0,"a",0],"date",1,0,1,[1,1,"b"],"date",2,0,2,[1,2],"date",3,1,0,[0,"d","b"],"date",4]"#
    );
}

#[test]
fn a_long_key_above_many_special_values_is_listed_once() {
    let key = "k".repeat(100_000);
    let values = vec![Bson::DateTime(DateTime::from_millis(1)); 1000];
    let (_, specials) = decoded(&bytes_of(&doc! { &key: { "dates": values } }));
    assert!(specials.len() < 150_000, "{}", specials.len());
}

#[test]
fn a_moment_that_no_date_in_javascript_holds_travels_as_bson() {
    for (milliseconds, kind) in [
        (8_640_000_000_000_000, "date"),
        (-8_640_000_000_000_000, "date"),
        (8_640_000_000_000_001, "bson"),
        (-8_640_000_000_000_001, "bson"),
        (i64::MAX, "bson"),
        (i64::MIN, "bson"),
    ] {
        let document = bytes_of(&doc! { "a": DateTime::from_millis(milliseconds) });
        let (text, specials) = decoded(&document);
        assert!(specials.contains(kind), "{specials}");
        assert_eq!(super::encoded(&text, &specials), document);
    }
}

#[test]
fn every_other_kind_travels_as_bson() {
    for value in [
        Bson::Decimal128("1.50".parse().unwrap()),
        Bson::Timestamp(Timestamp {
            time: 1,
            increment: 2,
        }),
        Bson::RegularExpression(Regex {
            pattern: "a".try_into().unwrap(),
            options: "i".try_into().unwrap(),
        }),
        Bson::JavaScriptCode("f()".to_owned()),
        Bson::Symbol("s".to_owned()),
        Bson::MinKey,
        Bson::MaxKey,
    ] {
        let (text, specials) = decoded(&bytes_of(&doc! { "a": value.clone() }));
        assert_eq!(text, r#"{"a":null}"#);
        let expected = payload(&doc! { "": value.clone() });
        assert_eq!(specials, format!(r#"[0,0,[0,"a"],"bson","{expected}"]"#));
        let back = super::encoded(&text, &format!(r#"[0,0,0,"bson","{expected}"]"#));
        assert_eq!(back, bytes_of(&doc! { "a": value }));
    }
}

#[test]
fn a_session_can_be_put_together_from_parts() {
    let cookie = bytes_of(&doc! { "path": "/", "_expires": DateTime::from_millis(1) });
    let cart = bytes_of(&doc! { "cart": [DateTime::from_millis(2)] });
    let mut json = JsonWriter::new();
    json.start_object();
    json.start_object_at(b"cookie");
    json.element(find(&cookie, "path").unwrap()).unwrap();
    json.null("gone");
    let expires = Element {
        key: b"expires",
        ..find(&cookie, "_expires").unwrap()
    };
    json.element(expires).unwrap();
    json.end_object();
    json.start_object_at(b"empty");
    json.end_object();
    json.element(find(&cart, "cart").unwrap()).unwrap();
    json.end_object();
    assert_eq!(
        json.finish(),
        Json {
            text: r#"{"cookie":{"path":"/","gone":null,"expires":null},"empty":{},"cart":[null]}"#
                .to_owned(),
            specials: r#"[0,1,[0,"cookie","expires"],"date",1,2,0,[0,"cart",0],"date",2]"#
                .to_owned(),
        }
    );
}

#[test]
fn of_equal_keys_the_first_is_read() {
    for count in [2, 30, 200] {
        let mut writer = Writer::new();
        writer.start_document("inner");
        for position in 0..count {
            writer.int32(&format!("k{position}"), position);
        }
        for position in 0..count {
            writer.string(&format!("k{position}"), "another");
        }
        let (text, _) = decoded(&writer.finish());
        assert!(!text.contains("another"), "{text}");
        assert_eq!(
            text.matches(':').count(),
            1 + usize::try_from(count).unwrap()
        );
    }
}

#[test]
fn array_keys_do_not_matter() {
    let mut writer = Writer::new();
    writer.start_array("a");
    writer.date("7", 1);
    writer.date("", 2);
    let (text, specials) = decoded(&writer.finish());
    assert_eq!(text, r#"{"a":[null,null]}"#);
    assert_eq!(specials, r#"[0,0,[0,"a",0],"date",1,0,1,[1,1],"date",2]"#);
}

#[test]
fn bytes_that_are_not_utf_8_are_replaced() {
    let element = Element {
        kind: kind::STRING,
        key: b"k\xFF",
        value: b"\x04\0\0\0\xE2\x82\"\0",
    };
    let mut writer = Writer::new();
    writer.element(element);
    writer.element(Element {
        kind: kind::DATE,
        key: b"\xF0",
        value: &[0; 8],
    });
    let (text, specials) = decoded(&writer.finish());
    assert_eq!(text, "{\"k\u{FFFD}\":\"\u{FFFD}\\\"\",\"\u{FFFD}\":null}");
    assert_eq!(specials, "[1,0,[0,\"\u{FFFD}\"],\"date\",0]");
}

#[test]
fn elements_with_the_wrong_bytes_are_refused() {
    for kind in 0..=u8::MAX {
        let mut json = JsonWriter::new();
        json.start_object();
        // Whatever the kind, there is an answer.
        let _result = json.element(Element {
            kind,
            key: b"a",
            value: b"",
        });
    }
    let lengths_differ = b"\x05\0\0\0\x02\x02\0\0\0\xFF";
    let mut writer = Writer::new();
    writer.value("a", kind::BINARY, lengths_differ);
    let document = writer.finish();
    assert!(elements(&document).next().unwrap().is_ok());
    assert_eq!(
        decode(&document).unwrap_err().to_string(),
        "the stored session is not valid BSON"
    );
}

#[test]
fn nesting_is_limited() {
    let mut document = doc! {};
    for _ in 1..MAX_DEPTH {
        document = doc! { "a": document };
    }
    assert!(decode(&bytes_of(&document)).is_ok());
    assert_eq!(
        decode(&bytes_of(&doc! { "a": document }))
            .unwrap_err()
            .to_string(),
        "the session is nested more than 178 levels deep, more than can be stored"
    );
}
