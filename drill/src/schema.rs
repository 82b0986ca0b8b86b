//! The JSON Schema of drill files, for editors: what they complete, explain and underline.
//!
//! A check tells more, and is right where the two differ: a schema knows nothing of names that must be there.

use serde_json::{Map, Value, json};

use crate::check::ACTIONS;
use crate::consumer::kinds;

/// The schema, as `docs/drill.schema.json` has it.
#[must_use]
pub fn schema() -> Value {
    let kinds: Vec<&str> = kinds().into_iter().map(|(name, _)| name).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:softicsf:drill:1",
        "title": "Drill",
        "description": "A disaster-recovery drill of softicsf: docs/drills.md.",
        "type": "object",
        "additionalProperties": false,
        "required": ["format", "drill", "site", "step"],
        "properties": {
            "format": { "description": "The form of this file.", "const": 1 },
            "drill": header(),
            "inputs": inputs(),
            "secrets": {
                "description": "Keys and passwords, by name: they stand in no other place.",
                "type": "object",
                "additionalProperties": secret(),
            },
            "site": { "description": "Systems.", "type": "array", "minItems": 1, "items": site() },
            "racf": racf(),
            "key": { "description": "Keys in the CKDS of sites that copy no other.", "type": "array", "items": key() },
            "profile": { "description": "Profiles.", "type": "array", "items": profile() },
            "permit": { "description": "Permissions.", "type": "array", "items": permit() },
            "user": { "description": "Users.", "type": "array", "items": user() },
            "realm": table("The local Kerberos realm.", &["name"], json!({
                "name": text("Its name, as EXAMPLE.COM."),
                "password": text("@secret:NAME; a random key of the ticket granter where it is left out."),
                "min_life": offset(),
                "default_life": offset(),
                "max_life": offset(),
            })),
            "service": {
                "description": "Servers that know their clients by Kerberos tickets.",
                "type": "array",
                "items": table("A server.", &["principal", "key"], json!({
                    "principal": text("Its principal, as host/boston.example.com."),
                    "key": one_of("Where it has its key.", &["ckds", "keytab"]),
                })),
            },
            "consumer": { "description": "Programs that sign users on.", "type": "array", "items": consumer(&kinds) },
            "step": { "description": "What happens, in the order of time.", "type": "array", "items": step() },
            "rollback": table("What is done at the end.", &[], json!({
                "do": list("failback, engine.detach, engine.attach, icsf.start, icsf.stop, ckds.restore"),
            })),
            "report": table("How it is reported.", &[], json!({
                "formats": { "type": "array", "items": { "enum": ["text", "json", "junit", "html"] } },
                "redact": { "type": "array", "items": { "enum": ["@secret", "tickets"] } },
            })),
        },
        "$defs": { "offset": {
            "description": "Time from the start: +5m, +1h30m, 90s.", "type": "string", "pattern": "^\\+?[0-9]",
        } },
    })
}

/// A table all of whose keys are known.
fn table(description: &str, required: &[&str], properties: Value) -> Value {
    json!({
        "description": description,
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": properties,
    })
}

fn text(description: &str) -> Value {
    json!({ "description": description, "type": "string" })
}

fn list(description: &str) -> Value {
    json!({ "description": description, "type": "array", "items": { "type": "string" } })
}

fn yes(description: &str) -> Value {
    json!({ "description": description, "type": "boolean" })
}

fn one_of(description: &str, words: &[&str]) -> Value {
    json!({ "description": description, "enum": words })
}

fn times(description: &str) -> Value {
    json!({ "description": description, "type": "integer", "minimum": 1, "maximum": 1000 })
}

fn count(description: &str) -> Value {
    json!({ "description": description, "type": "integer", "minimum": 0 })
}

fn offset() -> Value {
    json!({ "$ref": "#/$defs/offset" })
}

fn sessions() -> Value {
    json!({
        "description": "SESSION or CONSUMER/SESSION; or all.",
        "anyOf": [{ "const": "all" }, { "type": "string" }, { "type": "array", "minItems": 1, "items": { "type": "string" } }],
    })
}

fn header() -> Value {
    table(
        "What the drill is.",
        &["id", "title"],
        json!({
            "id": text("Its identifier."),
            "title": text("What it is, in a line."),
            "kind": one_of("What sort of exercise.", &["simulation", "tabletop", "functional", "failover"]),
            "lead": text("Who leads it."),
            "objective": text("What is to be shown."),
            "rto": offset(),
            "clock": { "description": "Virtual start, an instant with its zone; the clock of the machine where it is left out." },
            "seed": count("Random bytes are made from it."),
        }),
    )
}

fn inputs() -> Value {
    table(
        "Files, from the folder of this one.",
        &[],
        json!({
            "racf_unload": text("An unload of a RACF database (IRRDBU00)."),
            "rlist": text("Listings of RLIST, as they were pasted."),
        }),
    )
}

fn secret() -> Value {
    json!({ "oneOf": [
        table("Made for the run, from the seed.", &["generate"], json!({
            "generate": one_of("Of this sort.", &["des", "hmac", "password"]),
        })),
        table("From an environment variable.", &["env"], json!({ "env": text("Its name.") })),
        table("From a file of mode 0600.", &["file"], json!({ "file": text("Its path.") })),
    ] })
}

fn site() -> Value {
    table(
        "A system.",
        &["name", "smfid", "engine"],
        json!({
            "name": text("Its name."),
            "role": one_of("One is primary.", &["primary", "recovery"]),
            "smfid": { "description": "Its SMF ID.", "type": "string", "maxLength": 4 },
            "icsf": one_of("Whether ICSF is started.", &["active", "stopped"]),
            "ckds": table("Its CKDS.", &[], json!({
                "format": one_of("The format of a new one.", &["fixed", "variable", "kdsr"]),
                "copy_of": text("The site it is a copy of, with the security database."),
            })),
            "engine": table("What is in its slot.", &["kind"], json!({
                "kind": engine_kind(),
                "token": text("What the card is called."),
                "master_key": text("same-as:SITE."),
            })),
            "clock": text("How far its clock is off: +90s, -11m."),
            "checkauth": yes("CHECKAUTH of the ICSF options."),
            "replay_scope": one_of("Who remembers used tickets.", &["system", "sysplex"]),
        }),
    )
}

fn engine_kind() -> Value {
    one_of("An engine in software, a SoftHSM token, or none.", &["software", "pkcs11", "none"])
}

fn racf() -> Value {
    table(
        "Options of the security database.",
        &[],
        json!({
            "classact": list("Classes that are active."),
            "raclist": list("Classes that are kept in storage."),
            "generic": list("Classes with generic profiles."),
            "commands": list("Whatever else is set up, command by command."),
        }),
    )
}

fn key() -> Value {
    table(
        "A key.",
        &["label", "type"],
        json!({
            "label": { "description": "Its label.", "type": "string", "maxLength": 64 },
            "type": one_of("Its type.", &["DES-DATA", "HMAC-MAC"]),
            "value": text("@secret:NAME; a random key where it is left out."),
            "clear": yes("Not wrapped; HMAC keys only."),
        }),
    )
}

fn profile() -> Value {
    table(
        "A profile.",
        &["class", "name"],
        json!({
            "class": text("Its class."),
            "name": text("Its name."),
            "ssignon": list("Operands of SSIGNON in RACF's spelling, each by itself."),
            "appldata": text("APPLDATA."),
            "uacc": text("UACC."),
        }),
    )
}

fn permit() -> Value {
    table(
        "A permission.",
        &["profile", "id", "access"],
        json!({
            "profile": text("The profile; it is defined with UACC(NONE) if it is not there."),
            "class": text("Its class; PTKTDATA unless it says otherwise."),
            "id": text("User or group."),
            "access": one_of("What they may do.", &["NONE", "EXECUTE", "READ", "UPDATE", "CONTROL", "ALTER"]),
        }),
    )
}

fn user() -> Value {
    table(
        "A user.",
        &["id"],
        json!({
            "id": { "description": "The user ID.", "type": "string", "maxLength": 8 },
            "name": text("The name."),
            "password": text("@secret:NAME; protected where there is none."),
            "principal": text("KERBNAME: the principal in the realm."),
        }),
    )
}

fn consumer(kinds: &[&str]) -> Value {
    table(
        "A program that signs users on.",
        &["name", "kind", "runs_as", "session"],
        json!({
            "name": text("Its name."),
            "kind": { "description": "Which program; sites may have others.", "type": "string", "examples": kinds },
            "runs_as": text("The user it runs as."),
            "runs_at": text("The site it runs at; that of the step where it is left out."),
            "fallback": one_of("What is tried when there is no ticket.", &["password", "none"]),
            "actions": times("How many actions follow a connection: rse."),
            "rate": times("How many sign-ons a user starts in a second: generic."),
            "reuse": one_of("Whether they use one ticket: generic.", &["yes", "no"]),
            "evaluates": one_of("Who checks tickets: generic.", &["sign-on", "service"]),
            "credential": one_of("What users show: rse, generic.", &["ticket", "kerberos"]),
            "session": { "type": "array", "items": table("A session.", &["name", "applid"], json!({
                "name": text("Its name."),
                "applid": text("The VTAM name; &SMFID at its end stands for the SMF ID."),
                "ptkt_profile": text("The application name of the ticket; the applid where it is left out."),
                "evaluated_as": text("The application name it is checked for; that of the ticket where it is left out."),
                "generate": yes("Generate Pass Ticket: without group and user."),
                "qualified": yes("Gen Qualified Pass Ticket: with group and user."),
                "acl_user": text("The ACL user of the session: tpx."),
                "service": text("The principal of the server, where users show Kerberos tickets."),
            })) },
        }),
    )
}

/// What each action needs: required keys, and all.
fn with(action: &str) -> Option<(&'static [&'static str], Value)> {
    let profile = || text("A key profile.");
    Some(match action {
        "logon" => (
            &["users", "sessions"],
            json!({
                "users": list("User IDs."), "sessions": sessions(),
                "credential": one_of("What they type; what the program does where it is left out.", &["ticket", "password"]),
            }),
        ),
        "ptkt.generate" => (
            &["user", "application", "runs_as", "ticket"],
            json!({
                "user": text("Whom it is for."), "application": text("The application name."),
                "runs_as": text("Who asks."), "ticket": text("What later steps call it."),
            }),
        ),
        "ptkt.evaluate" => (
            &["ticket"],
            json!({
                "ticket": text("A ticket of an earlier step."), "times": times("How often."),
                "runs_as": text("Who asks; the user signs on with it where it is left out."),
            }),
        ),
        "storm" => (
            &["users", "sessions", "tries"],
            json!({
                "users": list("User IDs."), "sessions": sessions(), "tries": times("At most."), "every": offset(),
            }),
        ),
        "display" => (
            &["command", "sites"],
            json!({
                "command": text("RLIST, D SMF,O, D ICSF,CARDS, or F CONSUMER,COMMAND."), "sites": list("Where."),
            }),
        ),
        "racf" => (
            &["commands"],
            json!({
                "commands": list("Commands of an administrator."),
                "sites": list("Where; the site of the step where it is left out."),
            }),
        ),
        "failover" => (&["from", "to"], json!({ "from": text("Where the work is."), "to": text("Where it goes.") })),
        "engine.attach" => (
            &[],
            json!({
                "kind": engine_kind(), "token": text("What the card is called."), "master_key": text("same-as:SITE."),
            }),
        ),
        "engine.flap" => (
            &["count", "users", "sessions"],
            json!({
                "count": times("How often."), "every": offset(), "users": list("User IDs."), "sessions": sessions(),
            }),
        ),
        "ckds.drop_label" => (&["labels"], json!({ "labels": list("Labels.") })),
        "ckds.restore" => (
            &[],
            json!({
                "from": text("The site whose CKDS it is; the own one, as it was, where it is left out."),
                "as_of": text("The step at whose beginning it was so."), "labels": list("These alone, as they lie there."),
            }),
        ),
        "ckds.set_format" => (&["format"], json!({ "format": one_of("The format.", &["fixed", "variable", "kdsr"]) })),
        "class.deactivate" | "class.activate" => (&["class"], json!({ "class": text("The class.") })),
        "profile.stale" => (
            &["profile", "ssignon"],
            json!({
                "profile": profile(), "ssignon": list("Operands of SSIGNON."),
            }),
        ),
        "profile.rekey" => (&["profile"], json!({ "profile": profile() })),
        "profile.keytoken" => (
            &["profile"],
            json!({ "profile": profile(), "from": text("The site whose master key it is under; this one by default.") }),
        ),
        "smfid.set" => (&["smfid"], json!({ "smfid": text("The SMF ID.") })),
        "clock.skew" => (&["by"], json!({ "by": text("How far it is off: +90s, -11m, +0s.") })),
        "consumer.set" => (
            &["consumer", "generate_passticket"],
            json!({
                "consumer": text("The consumer."), "generate_passticket": yes("Whether it makes tickets."),
            }),
        ),
        "krb.init" => (&["users"], json!({ "users": list("User IDs.") })),
        "krb.ticket" | "krb.accept" => (
            &["users", "service"],
            json!({ "users": list("User IDs."), "service": text("The principal of a server.") }),
        ),
        "consumer.restart" | "env.dirty" => (&["consumer"], json!({ "consumer": text("The consumer.") })),
        _ => return None,
    })
}

fn step() -> Value {
    let rules: Vec<Value> = ACTIONS
        .iter()
        .map(|(action, can)| {
            let table = match with(action) {
                Some((required, properties)) => table("What it needs.", required, properties),
                None => table("It needs nothing.", &[], json!({})),
            };
            let needed: &[&str] =
                if with(action).is_some_and(|(required, _)| !required.is_empty()) { &["with"] } else { &[] };
            json!({
                "if": { "properties": { "do": { "const": action } } },
                "then": { "required": needed, "properties": { "with": table, "expect": expect(can) } },
            })
        })
        .collect();
    let actions: Vec<&str> = ACTIONS.iter().map(|(action, _)| *action).collect();
    let mut step = table(
        "A step: without expect an action, with it a probe.",
        &["id", "at", "do"],
        json!({
            "id": text("Its name."),
            "at": offset(),
            "site": text("Where."),
            "do": { "description": "What is done.", "enum": actions },
            "with": { "type": "object" },
            "expect": { "type": "object" },
        }),
    );
    if let Some(step) = step.as_object_mut() {
        step.insert("allOf".to_owned(), json!(rules));
    }
    step
}

/// What can be expected of an action.
fn expect(can: &[&str]) -> Value {
    let known: [(&str, Value); 13] = [
        ("outcome", one_of("How every try ends.", &["ok", "fail"])),
        ("code", json!({ "description": "The error code of Kerberos: 29.", "type": "integer" })),
        ("saf", text("The triple callers see: 8/16/28.")),
        ("icsf", text("The pair ICSF answered, in hexadecimal: 0C/0000.")),
        ("service", one_of("The callable service.", &crate::expect::SERVICES)),
        ("message", text("A line has this text.")),
        ("matches", text("A line fits this regular expression.")),
        ("same", text("Lines with this text are the same at all sites.")),
        ("failed_out", count("Sign-ons that failed while the card was out.")),
        ("failed_back", count("Sign-ons that failed when it was back.")),
        ("count", count("How many come so; of a storm, how many users are revoked.")),
        ("within", offset()),
        ("no_secret_in_output", json!({ "description": "Always so.", "const": true })),
    ];
    let always = ["within", "no_secret_in_output"];
    let properties: Map<String, Value> = known
        .into_iter()
        .filter(|(key, _)| can.contains(key) || always.contains(key))
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    table("What should come of it.", &[], Value::Object(properties))
}
