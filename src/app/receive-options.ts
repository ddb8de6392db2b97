// How the configuration opens the doors: secrets and certificates are read from the files it names.
import { readFileSync } from "node:fs";
import type { ReceiveOptions } from "../receive/receive.ts";
import { userError } from "./command.ts";
import type { Config } from "./config-schema.ts";

const secretLengthMin = 8;
const mib = 1024 * 1024;

/** Throws a user's error for a file that cannot be read or holds no secret. */
export function receiveOptions(config: Config): ReceiveOptions {
  const { host, httpPort, grpcPort, past, future, anyTime, seriesPerMetric, attributeKeys, tls } = config.receive;
  const { tenants, tenantDefaults } = config.receive;
  return {
    host,
    httpPort,
    grpcPort,
    seriesPerMetric,
    attributeKeys,
    window: anyTime ? null : { pastMs: past, futureMs: future },
    privacy: privacyOf(config),
    scrape: config.scrape.map(({ interval, timeout, ...job }) => ({
      ...job,
      intervalMs: interval,
      timeoutMs: timeout,
    })),
    rates: {
      otherwise: inBytes(tenantDefaults),
      tenants: Object.fromEntries(tenants.map(({ name, ...rate }) => [name, inBytes(rate)])),
    },
    credentials: config.receive.credentials.map(({ kind, tenant, secret, secretFile }, i) => ({
      kind,
      tenant,
      secret: secret ?? readSecret(secretFile!, `receive.credentials.${i}.secretFile`),
    })),
    ...(tls === undefined ? {} : { tls: readTls(tls) }),
  };
}

export function privacyOf({ privacy: { salt, ...texts } }: Config): NonNullable<ReceiveOptions["privacy"]> {
  return { ...texts, ...(salt === undefined ? {} : { salt }) };
}

function readTls(tls: NonNullable<Config["receive"]["tls"]>): NonNullable<ReceiveOptions["tls"]> {
  const { certFile, keyFile, clientCaFile, clients } = tls;
  return {
    certificate: readText(certFile, "receive.tls.certFile"),
    key: readText(keyFile, "receive.tls.keyFile"),
    ...(clientCaFile === undefined ? {} : { clientCa: readText(clientCaFile, "receive.tls.clientCaFile") }),
    clients: clients.map(({ subject, fingerprint256, tenant }) => ({
      tenant,
      ...(subject === undefined ? {} : { subject }),
      ...(fingerprint256 === undefined ? {} : { fingerprint256 }),
    })),
  };
}

/** The line break that editors leave at the end is no part of the secret. */
function readSecret(file: string, option: string): string {
  const secret = readText(file, option).replace(/\r?\n$/, "");
  if (secret.length >= secretLengthMin) return secret;
  throw userError(`${option}: ${file} holds less than ${secretLengthMin} characters; put a longer secret there`);
}

function readText(file: string, option: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw userError(`${option}: ${file} cannot be read (${why}); name a file that this process may read`);
  }
}

function inBytes({ requestsPerSecond, mibPerSecond }: Config["receive"]["tenantDefaults"]) {
  return {
    ...(requestsPerSecond === undefined ? {} : { requestsPerSecond }),
    ...(mibPerSecond === undefined ? {} : { bytesPerSecond: mibPerSecond * mib }),
  };
}
