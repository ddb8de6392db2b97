// X.509 certificates for tests, made on the spot: just enough DER, keys and signatures from node:crypto.
import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

export interface TestCertificate {
  readonly certificate: string;
  readonly key: string;
  /** As Node writes it: upper-case hexadecimal with colons. */
  readonly fingerprint256: string;
}

export interface TestAuthority extends TestCertificate {
  /** A certificate for `commonName`, good for servers on 127.0.0.1 and for clients. */
  issue(commonName: string): TestCertificate;
}

export function createAuthority(commonName: string): TestAuthority {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const own = make(commonName, commonName, publicKey, privateKey, privateKey, true);
  return {
    ...own,
    issue(name) {
      const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
      return make(name, commonName, pair.publicKey, pair.privateKey, createPrivateKey(own.key), false);
    },
  };
}

function make(
  subject: string,
  issuer: string,
  publicKey: KeyObject,
  privateKey: KeyObject,
  issuerKey: KeyObject,
  isAuthority: boolean,
): TestCertificate {
  const ecdsaWithSha256 = sequence(oid("2a8648ce3d040302"));
  const extension = (id: string, critical: boolean, value: Buffer): Buffer =>
    sequence(oid(id), ...(critical ? [der(0x01, Buffer.of(0xff))] : []), der(0x04, value));
  const extensions = [
    extension("551d13", true, isAuthority ? sequence(der(0x01, Buffer.of(0xff))) : sequence()),
    // Names of a server: localhost and 127.0.0.1.
    extension("551d11", false, sequence(der(0x82, Buffer.from("localhost")), der(0x87, Buffer.of(127, 0, 0, 1)))),
  ];
  const body = sequence(
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, Buffer.concat([Buffer.of(1), randomBytes(8)])),
    ecdsaWithSha256,
    name(issuer),
    sequence(time(-1), time(1)),
    name(subject),
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(...extensions)),
  );
  const signature = sign("sha256", body, issuerKey);
  const certificate = sequence(body, ecdsaWithSha256, der(0x03, Buffer.concat([Buffer.of(0), signature])));
  const digest = createHash("sha256").update(certificate).digest("hex").toUpperCase();
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${certificate.toString("base64").replace(/.{64}/g, "$&\n")}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    fingerprint256: digest.match(/../g)!.join(":"),
  };
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, "hex"));
}

function name(commonName: string): Buffer {
  return sequence(der(0x31, sequence(oid("550403"), der(0x0c, Buffer.from(commonName)))));
}

/** So many days from now, as UTCTime. */
function time(days: number): Buffer {
  const text = new Date(Date.now() + days * 86_400_000).toISOString().replace(/[-:T]/g, "").slice(2, 14);
  return der(0x17, Buffer.from(`${text}Z`));
}
