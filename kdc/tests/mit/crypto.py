"""Lets MIT's libk5crypto answer: a request is a line of words, an answer a line of hexadecimal digits or `refused CODE`.

    encrypt  ETYPE USAGE KEY PLAIN
    decrypt  ETYPE USAGE KEY CIPHER
    checksum TYPE:ETYPE USAGE KEY DATA
    key      ETYPE ITERATIONS PASSWORD SALT

Bytes are in hexadecimal after a colon.
"""

import ctypes
import sys


class Data(ctypes.Structure):
    _fields_ = [("magic", ctypes.c_int32), ("length", ctypes.c_uint), ("data", ctypes.c_void_p)]


class Keyblock(ctypes.Structure):
    _fields_ = [
        ("magic", ctypes.c_int32),
        ("enctype", ctypes.c_int32),
        ("length", ctypes.c_uint),
        ("contents", ctypes.c_void_p),
    ]


class EncData(ctypes.Structure):
    _fields_ = [
        ("magic", ctypes.c_int32),
        ("enctype", ctypes.c_int32),
        ("kvno", ctypes.c_uint),
        ("ciphertext", Data),
    ]


class Checksum(ctypes.Structure):
    _fields_ = [
        ("magic", ctypes.c_int32),
        ("checksum_type", ctypes.c_int32),
        ("length", ctypes.c_uint),
        ("contents", ctypes.c_void_p),
    ]


library = ctypes.CDLL("libk5crypto.so.3")


class Refused(Exception):
    pass


def call(name, *arguments):
    code = getattr(library, name)(None, *arguments)
    if code:
        raise Refused(code)


def buffer(content):
    return ctypes.create_string_buffer(content, max(len(content), 1))


def data(content):
    place = buffer(content)
    made = Data(0, len(content), ctypes.cast(place, ctypes.c_void_p))
    made.keep = place
    return made


def keyblock(etype, content):
    place = buffer(content)
    made = Keyblock(0, etype, len(content), ctypes.cast(place, ctypes.c_void_p))
    made.keep = place
    return made


def encrypt(etype, usage, key, plain):
    length = ctypes.c_size_t()
    call("krb5_c_encrypt_length", etype, ctypes.c_size_t(len(plain)), ctypes.byref(length))
    cipher = data(bytes(length.value))
    answer = EncData(0, etype, 0, cipher)
    call("krb5_c_encrypt", ctypes.byref(keyblock(etype, key)), usage, None, ctypes.byref(data(plain)), ctypes.byref(answer))
    return ctypes.string_at(answer.ciphertext.data, answer.ciphertext.length)


def decrypt(etype, usage, key, cipher):
    text = data(cipher)
    plain = data(bytes(len(cipher)))
    given = EncData(0, etype, 0, text)
    call("krb5_c_decrypt", ctypes.byref(keyblock(etype, key)), usage, None, ctypes.byref(given), ctypes.byref(plain))
    return ctypes.string_at(plain.data, plain.length)


def checksum(types, usage, key, content):
    checksum_type, etype = types
    answer = Checksum()
    arguments = ctypes.byref(keyblock(etype, key)), usage, ctypes.byref(data(content)), ctypes.byref(answer)
    call("krb5_c_make_checksum", checksum_type, *arguments)
    return ctypes.string_at(answer.contents, answer.length)


def key(etype, iterations, password, salt):
    parameters = data(iterations.to_bytes(4, "big"))
    answer = Keyblock()
    arguments = ctypes.byref(data(password)), ctypes.byref(data(salt)), ctypes.byref(parameters), ctypes.byref(answer)
    call("krb5_c_string_to_key_with_params", etype, *arguments)
    return ctypes.string_at(answer.contents, answer.length)


def value(word):
    if word.startswith(":"):
        return bytes.fromhex(word[1:])
    numbers = [int(number) for number in word.split(":")]
    return numbers[0] if len(numbers) == 1 else numbers


functions = {"encrypt": encrypt, "decrypt": decrypt, "checksum": checksum, "key": key}
for line in sys.stdin:
    name, *words = line.split()
    try:
        print(functions[name](*map(value, words)).hex())
    except Refused as refused:
        print("refused", refused)
