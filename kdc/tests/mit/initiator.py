"""A GSS-API client with the library of MIT: initiator.py PRINCIPAL [mutual] [delegate] [spnego].

It prints its token in hexadecimal, reads that of the server, and prints whether the context is complete and the SHA-256
of the key of the context.
"""

import hashlib
import sys

import gssapi
from gssapi import raw

SPNEGO = gssapi.OID.from_int_seq("1.3.6.1.5.5.2")
SESSION_KEY = gssapi.OID.from_int_seq("1.2.840.113554.1.2.2.5.5")  # GSS_C_INQ_SSPI_SESSION_KEY
FLAGS = {
    "mutual": gssapi.RequirementFlag.mutual_authentication,
    "delegate": gssapi.RequirementFlag.delegate_to_peer,
}

principal, *words = sys.argv[1:]
context = gssapi.SecurityContext(
    name=gssapi.Name(principal, gssapi.NameType.kerberos_principal),
    mech=SPNEGO if "spnego" in words else gssapi.MechType.kerberos,
    # Without any, gssapi asks for mutual authentication.
    flags=[gssapi.RequirementFlag.integrity] + [FLAGS[word] for word in words if word in FLAGS],
    usage="initiate",
)
print(context.step().hex(), flush=True)
answer = bytes.fromhex(sys.stdin.readline())
further = context.step(answer) if answer else None
assert not further, "another token"
print("complete" if context.complete else "open")
print(hashlib.sha256(raw.inquire_sec_context_by_oid(context, SESSION_KEY)[0]).hexdigest())
