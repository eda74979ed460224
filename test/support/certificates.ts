// X.509 certificates for servers that are to be trusted, or not: no program is needed to make them.
// DER by hand (https://www.rfc-editor.org/rfc/rfc5280#section-4.1), as node:crypto can only read.
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

export interface Certificate {
  /** PEM. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
}

export interface Authority extends Certificate {
  readonly name: string;
}

export interface ServerCertificate {
  /** A host name; certificates of these tests name no addresses. */
  readonly host: string;
  /** Default: in a day. */
  readonly validUntil?: Date;
}

const dayMs = 86_400_000;

export function createAuthority(name: string): Authority {
  const { privateKey, publicKey } = createKeys();
  const tbs = { issuer: name, subject: name, publicKey, extension: isAuthority };
  return { name, ...pem(tbs, privateKey, privateKey) };
}

export function issue(
  { name, key }: Authority,
  { host, validUntil = new Date(Date.now() + dayMs) }: ServerCertificate,
): Certificate {
  const { privateKey, publicKey } = createKeys();
  const extension = alternativeName(host);
  return pem({ issuer: name, subject: host, publicKey, validUntil, extension }, privateKey, key);
}

const createKeys = () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' });

interface Contents {
  readonly issuer: string;
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly validUntil?: Date;
  readonly extension: Buffer;
}

const oids = {
  ecdsaWithSha256: '2a8648ce3d040302',
  commonName: '550403',
  basicConstraints: '551d13',
  subjectAlternativeName: '551d11',
};

function pem(contents: Contents, own: KeyObject, signer: KeyObject | string): Certificate {
  const { issuer, subject, publicKey, extension } = contents;
  const until = contents.validUntil ?? new Date(Date.now() + dayMs);
  const algorithm = sequence(oid('ecdsaWithSha256'));
  const version = der(0xa0, der(0x02, Buffer.of(2)));
  const serial = der(0x02, Buffer.concat([Buffer.of(1), randomBytes(8)]));
  const signed = sequence(
    version,
    serial,
    algorithm,
    distinguishedName(issuer),
    sequence(time(new Date(until.getTime() - 2 * dayMs)), time(until)),
    distinguishedName(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(extension)),
  );
  const signature = Buffer.concat([Buffer.of(0), sign('sha256', signed, signer)]);
  const bytes = sequence(signed, algorithm, der(0x03, signature)).toString('base64');
  const lines = bytes.replaceAll(/.{1,64}/g, '$&\n');
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${lines}-----END CERTIFICATE-----\n`,
    key: own.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}

const sequence = (...parts: Buffer[]): Buffer => der(0x30, Buffer.concat(parts));
const oid = (name: keyof typeof oids): Buffer => der(0x06, Buffer.from(oids[name], 'hex'));
const time = (at: Date): Buffer =>
  der(0x18, Buffer.from(at.toISOString().replaceAll(/[-:T]|\.\d+/g, '')));
const distinguishedName = (name: string): Buffer =>
  sequence(der(0x31, sequence(oid('commonName'), der(0x0c, Buffer.from(name)))));
const alternativeName = (host: string): Buffer =>
  sequence(oid('subjectAlternativeName'), der(0x04, sequence(der(0x82, Buffer.from(host)))));
const isAuthority = sequence(
  oid('basicConstraints'),
  der(0x01, Buffer.of(0xff)),
  der(0x04, sequence(der(0x01, Buffer.of(0xff)))),
);
