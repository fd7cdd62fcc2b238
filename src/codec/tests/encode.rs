use mongodb::bson::oid::ObjectId;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document, JavaScriptCodeWithScope, doc};

use super::super::{MAX_DEPTH, decode};
use super::{bytes_of, encoded, nested, payload, refused};

#[track_caller]
fn agrees(text: &str, expected: &Document) {
    assert_eq!(encoded(text, ""), bytes_of(expected), "{text}");
}

#[test]
fn ordinary_sessions_are_the_bytes_that_the_witness_writes() {
    agrees("{}", &doc! {});
    agrees(
        r#"{"z":1,"a":"text","":null,"t":true,"f":false,"o":{"x":{}},"l":[1,"two",[],{"k":[3]}]}"#,
        &doc! {
            "z": 1, "a": "text", "": null, "t": true, "f": false, "o": { "x": {} },
            "l": [1, "two", [], { "k": [3] }],
        },
    );
    agrees(
        " {\n\t\"a\" : [ 1 ,\r\n 2 ] , \"b\" : { \"c\" : null } , \"d\" : [ ] , \"e\" : { } } ",
        &doc! { "a": [1, 2], "b": { "c": null }, "d": [], "e": {} },
    );
    let numbers: Vec<i32> = (0..1234).collect();
    agrees(
        &format!(r#"{{"l":{numbers:?}}}"#),
        &doc! { "l": numbers.clone() },
    );
}

#[test]
fn numbers_are_int32_by_value_and_double_otherwise() {
    agrees(
        r#"{"a":0,"b":2147483647,"c":-2147483648,"d":1.0,"e":12e2,"f":1E+2,"g":50e-1}"#,
        &doc! { "a": 0, "b": i32::MAX, "c": i32::MIN, "d": 1, "e": 1200, "f": 100, "g": 5 },
    );
    agrees(
        r#"{"a":-0,"b":2147483648,"c":-2147483649,"d":0.1,"e":-0.0,"f":1e300,"g":5e-324,"h":9007199254740993,"i":1e-400}"#,
        &doc! {
            "a": -0.0, "b": 2_147_483_648.0, "c": -2_147_483_649.0, "d": 0.1, "e": -0.0,
            "f": 1e300, "g": 5e-324, "h": 9_007_199_254_740_992.0, "i": 0,
        },
    );
}

#[test]
fn escapes_are_read() {
    agrees(
        r#"{"\"\\\/\b\t\n\f\r":"\u00e9\u20AC\ud83d\ude00 \u0000 and a long run behind it"}"#,
        &doc! { "\"\\/\u{8}\t\n\u{c}\r": "é€😀 \0 and a long run behind it" },
    );
    agrees(
        "{\"ключ\":\"значение ｆｕｌｌ \u{FFFD}\u{2028}😀\u{7f}\"}",
        &doc! { "ключ": "значение ｆｕｌｌ \u{FFFD}\u{2028}😀\u{7f}" },
    );
}

#[test]
fn code_units_that_bson_cannot_hold_are_marked() {
    agrees(
        "{\"a\\u0000\\ud800\":\"\\udfff\\ud83dx\\ud83d\\ud83d\\ude00\\uD800\",\"\\ufdd0\":\"\u{FDD0}\"}",
        &doc! {
            "a\u{FDD0}0000\u{FDD0}d800":
                "\u{FDD0}dfff\u{FDD0}d83dx\u{FDD0}d83d😀\u{FDD0}d800",
            "\u{FDD0}fdd0": "\u{FDD0}fdd0",
        },
    );
    agrees(
        r#"{"a":"\ud83d\n\ud83d\u0041"}"#,
        &doc! { "a": "\u{FDD0}d83d\n\u{FDD0}d83dA" },
    );
}

#[test]
fn keys_have_no_meaning() {
    agrees(
        r#"{"__proto__":{"x":1},"a.b":1,"$set":2,"0":3,"":4,"_bsontype":"ObjectId","$date":5}"#,
        &doc! {
            "__proto__": { "x": 1 }, "a.b": 1, "$set": 2, "0": 3, "": 4,
            "_bsontype": "ObjectId", "$date": 5,
        },
    );
}

#[test]
fn specials_take_the_place_of_their_nulls() {
    let scope = Bson::JavaScriptCodeWithScope(JavaScriptCodeWithScope {
        code: "f()".to_owned(),
        scope: doc! { "x": { "y": 1 } },
    });
    let binary = |subtype, bytes: &[u8]| Binary {
        subtype,
        bytes: bytes.to_vec(),
    };
    let oid = ObjectId::from_bytes([7; 12]);
    let specials = format!(
        r#"[0,0,0,"date",-1,2,0,0,"int64","-9223372036854775808",2,1,0,"double","-0",2,2,0,"double","Infinity",
            3,0,0,"double","-Infinity",4,0,0,"binary","00AAEC",5,0,0,"binary","02",6,0,0,"binary","02/w==",
            7,0,0,"objectId","{}",8,0,0,"bson","{}",9,0,0,"binary","80"]"#,
        oid.to_hex(),
        payload(&doc! { "": scope.clone() }),
    );
    let text = r#"{"a":null,"n":null,"b":[null,null,null],"c":{"d":null},"e":null,"f":null,"g":null,"h":null,"i":null,"j":null,"k":null}"#;
    assert_eq!(
        encoded(text, &specials),
        bytes_of(&doc! {
            "a": DateTime::from_millis(-1), "n": null, "b": [i64::MIN, -0.0, f64::INFINITY],
            "c": { "d": f64::NEG_INFINITY }, "e": binary(BinarySubtype::Generic, &[0, 1, 2]),
            "f": binary(BinarySubtype::BinaryOld, &[]),
            "g": binary(BinarySubtype::BinaryOld, &[255]), "h": oid, "i": scope,
            "j": binary(BinarySubtype::UserDefined(0x80), &[]), "k": null,
        })
    );
    let not_a_number = encoded(r#"{"a":null}"#, r#"[0,0,0,"double","NaN"]"#);
    let document = Document::from_reader(&not_a_number[..]).unwrap();
    assert!(document.get_f64("a").unwrap().is_nan());
}

#[test]
fn specials_that_do_not_fit_are_refused() {
    let two = payload(&doc! { "": 1, "b": 2 });
    let named = payload(&doc! { "a": 1 });
    let empty = payload(&doc! {});
    for special in [
        r#"[0,1,0,"date",1]"#.to_owned(),
        r#"[1,0,0,"date",1]"#.to_owned(),
        r#"[0,0,0,"date"]"#.to_owned(),
        "[0]".to_owned(),
        r#"[0,0,0,"date","1"]"#.to_owned(),
        r#"[0,0,0,"date",1.5]"#.to_owned(),
        r#"[-1,0,0,"date",1]"#.to_owned(),
        r#"[0,0,0,"date",1,0,0,0,"date",1]"#.to_owned(),
        r#"[0,0,0,"date",1] "#.to_owned() + "x",
        r#"[0,0,0,"symbol","a"]"#.to_owned(),
        r#"[0,0,0,"int64","9223372036854775808"]"#.to_owned(),
        r#"[0,0,0,"int64",1]"#.to_owned(),
        r#"[0,0,0,"double","1"]"#.to_owned(),
        r#"[0,0,0,"binary",""]"#.to_owned(),
        r#"[0,0,0,"binary","zz"]"#.to_owned(),
        r#"[0,0,0,"binary","+1"]"#.to_owned(),
        r#"[0,0,0,"binary","0é"]"#.to_owned(),
        r#"[0,0,0,"binary","00%"]"#.to_owned(),
        r#"[0,0,0,"bson","AAAA"]"#.to_owned(),
        format!(r#"[0,0,0,"bson","{two}"]"#),
        format!(r#"[0,0,0,"bson","{named}"]"#),
        format!(r#"[0,0,0,"bson","{empty}"]"#),
        format!(r#"[0,0,0,"objectId","{}"]"#, "0".repeat(22)),
        format!(r#"[0,0,0,"objectId","{}"]"#, "0".repeat(25)),
        format!(r#"[0,0,0,"objectId","{}"]"#, "g".repeat(24)),
        "{}".to_owned(),
        " ".to_owned(),
    ] {
        let message = refused(r#"{"a":null}"#, &special);
        assert!(message.contains("JSON cannot hold"), "{special}: {message}");
    }
}

#[test]
fn a_spliced_value_is_checked_to_its_bottom() {
    use super::super::raw::{Writer, kind};
    for (kind, value) in [
        (kind::STRING, &b"\x02\0\0\0\xFF\0"[..]),
        (kind::DOCUMENT, b"\x08\0\0\0\x08a\0\x02"),
        (kind::DOCUMENT, b"\x09\0\0\0\x08a\0\x02\0"),
        (kind::ARRAY, b"\x08\0\0\0\x0A\xFF\0\0"),
        (kind::REGEX, b"\xFF\0\0"),
        (kind::BINARY, b"\x05\0\0\0\x02\x02\0\0\0\xFF"),
        (kind::BINARY, b"\x00\0\0\0\x02"),
        (kind::DB_POINTER, b"\x02\0\0\0\xFF\x00123456789012"),
        (kind::CODE_WITH_SCOPE, b"\x0E\0\0\0\x05\0\0\0\0\x05\0\0\0\0"),
        (
            kind::CODE_WITH_SCOPE,
            b"\x0F\0\0\0\x02\0\0\0\xFF\0\x05\0\0\0\0",
        ),
    ] {
        let mut writer = Writer::new();
        writer.value("", kind, value);
        let payload = base64::Engine::encode(&super::BASE64, writer.finish());
        refused(r#"{"a":null}"#, &format!(r#"[0,0,0,"bson","{payload}"]"#));
    }
}

#[test]
fn what_is_not_a_json_object_is_refused() {
    for text in [
        "",
        " ",
        "null",
        "1",
        "[]",
        "\"a\"",
        "{",
        "}",
        "{}{}",
        "{} x",
        "{,}",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{"a":1 "b":2}"#,
        "{a:1}",
        r#"{"a":[1,]}"#,
        r#"{"a":[1}"#,
        r#"{"a":[1 2]}"#,
        r#"{"a":nul}"#,
        r#"{"a":tru}"#,
        r#"{"a":falsy}"#,
        r#"{"a":01}"#,
        r#"{"a":-}"#,
        r#"{"a":1.}"#,
        r#"{"a":.5}"#,
        r#"{"a":1e}"#,
        r#"{"a":1e+}"#,
        r#"{"a":+1}"#,
        r#"{"a":1e999}"#,
        r#"{"a":0x1}"#,
        r#"{"a":NaN}"#,
        r#"{"a":"\x"}"#,
        r#"{"a":"\u12g4"}"#,
        r#"{"a":"\u12"#,
        r#"{"a":"\"#,
        r#"{"a":"#,
        r#"{"a":"b"#,
        "{\"a\":\"\n\"}",
        "{\"a\":\"\0\"}",
        "{\"a\":'b'}",
        "\u{FEFF}{}",
        r#"{"a":"\ud800\u"}"#,
    ] {
        assert_eq!(
            refused(text, ""),
            "the session is not a JSON object",
            "{text}"
        );
    }
}

#[test]
fn nesting_is_limited() {
    let deepest = encoded(&nested(MAX_DEPTH), "");
    assert_eq!(decode(&deepest).unwrap().text, nested(MAX_DEPTH));
    let message = "the session is nested more than 178 levels deep, more than can be stored";
    assert_eq!(refused(&nested(MAX_DEPTH + 1), ""), message);
    assert_eq!(refused(&nested(100_000), ""), message);

    let text = nested(MAX_DEPTH).replace("[]", "null");
    encoded(&text, r#"[0,0,0,"date",1]"#);
    encoded(
        &text,
        &format!(r#"[0,0,0,"bson","{}"]"#, payload(&doc! { "": {} })),
    );
    let two_levels = payload(&doc! { "": [[]] });
    assert_eq!(
        refused(&text, &format!(r#"[0,0,0,"bson","{two_levels}"]"#)),
        message
    );
    let mut deep = doc! {};
    for _ in 0..MAX_DEPTH + 10 {
        deep = doc! { "": deep };
    }
    let deep = format!(r#"[0,0,0,"bson","{}"]"#, payload(&deep));
    assert_eq!(refused(r#"{"a":null}"#, &deep), message);
}
