"""Computes answers.txt without any of this project's code: python3 answers.py > answers.txt

Needs the package `cryptography`. Everything that is wrapped, hashed or enciphered is made by `material`, but for the
vectors of others, which are marked.
"""

import hashlib
import hmac

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.keywrap import aes_key_wrap, aes_key_unwrap

LENGTHS = [32, 33, 63, 64, 65, 127, 128, 129, 131, 256]
HASHES = {"SHA-1": "sha1", "SHA-224": "sha224", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


def material(label, length):
    blocks = (hashlib.sha256(label.encode() + number.to_bytes(4, "big")).digest() for number in range(length // 32 + 1))
    return b"".join(blocks)[:length]


def xor(*parts):
    return bytes(a ^ b ^ c for a, b, c in zip(*parts))


def master_key(kind, number):
    return xor(*(material(f"{kind} {number} {part}", 32) for part in ("first", "middle", "final")))


def odd_parity(key):
    return bytes(byte if byte.bit_count() % 2 else byte ^ 1 for byte in key)


def stored_hmac(key):
    return key.ljust(max(64, -(-len(key) // 8) * 8), b"\0")


def wrapped(kind, number, stored):
    blob = aes_key_wrap(master_key(kind, number), stored)
    assert aes_key_unwrap(master_key(kind, number), blob) == stored
    return blob


def encipher(key, block):
    # Three equal parts make single DES.
    encryptor = Cipher(TripleDES(key * 3), modes.ECB()).encryptor()
    return encryptor.update(block) + encryptor.finalize()


def answer(*words):
    print(*(word.hex() if isinstance(word, bytes) else word for word in words))


answer("# Made by answers.py; what the lines mean is told in answers.rs.")
for kind, constant in (("DES-MK", b"softicsf  DES-MK"), ("AES-MK", b"softicsf  AES-MK")):
    for number in (1, 2, 3):
        answer("pattern", kind, number, wrapped(kind, number, constant)[:8])
for number in (1, 2):
    answer("wrapped", "DES", 8, number, wrapped("DES-MK", number, odd_parity(material("DES key", 8)) * 3))
    for length in LENGTHS:
        stored = stored_hmac(material(f"HMAC key of {length}", length))
        answer("wrapped", "HMAC", length, number, wrapped("AES-MK", number, stored))
    stored = stored_hmac(material("HMAC key of 64", 64))
    answer("wrapped", "HMAC-under-DES-MK", 64, number, wrapped("DES-MK", number, stored))
for length in LENGTHS:
    key = material(f"HMAC key of {length}", length)
    answer("check", length, hashlib.sha256(b"\x01" + key).digest()[:8])
    for name, function in HASHES.items():
        answer("hmac", name, key, material("message", 20), hmac.new(key, material("message", 20), function).digest())
key = material("HMAC key of 64", 64)
for length in (0, 1, 63, 64, 111, 112, 127, 128, 129, 1000):
    message = material("message", length)
    answer("hmac", "SHA-512", key, message or "-", hmac.new(key, message, "sha512").digest())

answer("# RFC 2202, cases 6 and 7; RFC 4231, cases 6 and 7")
for key, message in (
    (b"\xaa" * 80, b"Test Using Larger Than Block-Size Key - Hash Key First"),
    (b"\xaa" * 80, b"Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data"),
):
    answer("hmac", "SHA-1", key, message, hmac.new(key, message, "sha1").digest())
for message in (
    b"Test Using Larger Than Block-Size Key - Hash Key First",
    b"This is a test using a larger than block-size key and a larger than block-size data. "
    b"The key needs to be hashed before being used by the HMAC algorithm.",
):
    for name, function in HASHES.items():
        if name != "SHA-1":
            answer("hmac", name, b"\xaa" * 131, message, hmac.new(b"\xaa" * 131, message, function).digest())

answer("# Published with the PassTicket algorithm: the test of an open implementation, and the worked example")
published = (
    ("098D61A85585D2AB", "5465737442797465", "1EC3753D7A79E3CE"),
    ("E001193519561977", "C9C2D4E4E2C5D940", "499C25CE3FF0B53B"),
    ("E001193519561977", "AA7EF317CF00447B", "114CE9117C145316"),
)
for key, plain, cipher in published:
    key, plain, cipher = (bytes.fromhex(word) for word in (key, plain, cipher))
    assert encipher(key, plain) == cipher
    answer("des", key, plain, cipher)
answer("# Weak and semi-weak keys")
for key in (
    "0101010101010101", "FEFEFEFEFEFEFEFE", "E0E0E0E0F1F1F1F1", "1F1F1F1F0E0E0E0E",
    "011F011F010E010E", "1F011F010E010E01", "01E001E001F101F1", "E001E001F101F101",
    "01FE01FE01FE01FE", "FE01FE01FE01FE01", "1FE01FE00EF10EF1", "E01FE01FF10EF10E",
    "1FFE1FFE0EFE0EFE", "FE1FFE1FFE0EFE0E", "E0FEE0FEF1FEF1FE", "FEE0FEE0FEF1FEF1",
    "0000000000000000", "FFFFFFFFFFFFFFFF",
):
    key = bytes.fromhex(key)
    answer("des", key, material("block", 8), encipher(key, material("block", 8)))

ETYPES = {17: (16, "sha1", 16), 18: (32, "sha1", 32), 19: (16, "sha256", 16), 20: (32, "sha384", 24)}


def cbc(key, iv, text):
    encryptor = Cipher(AES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(text) + encryptor.finalize()


def dk(key, constant):
    """DR and DK of RFC 3961, as they are written there: each block enciphers the one before."""
    blocks = [cbc(key, bytes(16), constant)]
    while len(b"".join(blocks)) < len(key):
        blocks.append(cbc(key, bytes(16), blocks[-1]))
    return b"".join(blocks)[: len(key)]


def kdf(key, name, label, length):
    """KDF-HMAC-SHA2 of RFC 8009."""
    return hmac.new(key, kdf_text(label, length), name).digest()[:length]


def kdf_text(label, length):
    return b"\0\0\0\1" + label + b"\0" + (length * 8).to_bytes(4, "big")


def uses(etype, key, label, constant, expected=None):
    """A key derived as a cipher and as a MAC key from a base key; what each of them makes."""
    length, name, mac_length = ETYPES[etype]
    for use, size in (("cipher", length), ("mac", mac_length)):
        if etype < 19:
            derived, given = dk(key, constant), constant.ljust(length, b"\0")
        else:
            derived, given = kdf(key, name, label, size), kdf_text(label, size)
        if expected and use in expected:
            assert derived.hex() == expected[use], derived.hex()
        for count in (1, 3, 20):
            text, iv = material("text", count * 16), material("iv", 16)
            made = cbc(derived, iv, text) if use == "cipher" else hmac.new(derived, text, name).digest()
            answer("kerberos", etype, use, key, given, iv, text, made)


answer("# Keys of Kerberos principals")
for number in (1, 2):
    for etype, (length, _, _) in ETYPES.items():
        answer("wrapped", "Kerberos", etype, number, wrapped("AES-MK", number, material(f"Kerberos key of {etype}", length)))
for etype, (length, _, _) in ETYPES.items():
    uses(etype, material(f"Kerberos key of {etype}", length), material("label", 5), material("constant", 16))
answer("# RFC 3962, appendix B: the first string-to-key, from what PBKDF2 gives to the key")
kerberos = bytes.fromhex("6b65726265726f737b9b5b2b93132b93")  # RFC 3961, A.1: 128-fold("kerberos")
pbkdf2 = hashlib.pbkdf2_hmac("sha1", b"password", b"ATHENA.MIT.EDUraeburn", 1, 32)
assert pbkdf2.hex() == "cdedb5281bb2f801565a1122b25635150ad1f7a04bb9f3a333ecc0e2e1f70837"
uses(17, pbkdf2[:16], b"", kerberos, {"cipher": "42263c6e89f4fc28b8df68ee09799f15"})
uses(18, pbkdf2, b"", kerberos, {"cipher": "fe697b52bc0d3ce14432ba036a92e65bbb52280990a2fa27883998d72af30161"})
answer("# RFC 8009, appendix A: the sample key derivations, Ke and Ki of usage 2")
key = bytes.fromhex("3705d96080c17728a0e800eab6e0d23c")
uses(19, key, bytes.fromhex("00000002aa"), b"", {"cipher": "9b197dd1e8c5609d6e67c3e37c62c72e"})
uses(19, key, bytes.fromhex("0000000255"), b"", {"mac": "9fda0e56ab2d85e1569a688696c26a6c"})
key = bytes.fromhex("6d404d37faf79f9df0d33568d320669800eb4836472ea8a026d16b7182460c52")
ke = "56ab22bee63d82d7bc5227f6773f8ea7a5eb1c825160c38312980c442e5c7e49"
uses(20, key, bytes.fromhex("00000002aa"), b"", {"cipher": ke})
uses(20, key, bytes.fromhex("0000000255"), b"", {"mac": "69b16514e3cd8e56b82010d5c73012b622c4d00ffc23ed1f"})
