// Real @upstash clients for locktop's tests. Commands come as JSON lines on stdin, and each is
// answered by one JSON line on stdout, in order: {"result": …} or {"error": "…"}.
//
//   {"do":"acquire","key":K,"lease":ms,"uuid":U}   @upstash/lock, one try → true or false; this process keeps the Lock
//   {"do":"release","key":K}                       that Lock's release → true or false
//   {"do":"extend","key":K,"ms":N}                 that Lock's extend → true or false
//   {"do":"status","key":K}                        that Lock's getStatus → "ACQUIRED" or "FREE"
//   {"do":"set","key":K,"value":V,"options":{}}    @upstash/redis
//   {"do":"get","key":K}   {"do":"del","keys":[K]}   {"do":"eval","script":S,"keys":[],"args":[]}
//   {"do":"versions"}
//
// The database is UPSTASH_REDIS_REST_URL with UPSTASH_REDIS_REST_TOKEN.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Lock } from "@upstash/lock";
import { Redis } from "@upstash/redis";

const database = {
  url: process.env.UPSTASH_REDIS_REST_URL,
  token: process.env.UPSTASH_REDIS_REST_TOKEN,
  enableTelemetry: false,
  retry: false,
};
const forLocks = new Redis(database); // as its users have it
const redis = new Redis({ ...database, automaticDeserialization: false }); // strings stay strings
const locks = new Map();

function held(key) {
  const lock = locks.get(key);
  if (!lock) throw new Error(`no Lock was made for ${key}`);
  return lock;
}

const version = (name) =>
  JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version;

const does = {
  async acquire({ key, lease, uuid }) {
    const lock = new Lock({ id: key, redis: forLocks, lease, retry: { attempts: 1, delay: 0 } });
    locks.set(key, lock);
    return lock.acquire({ uuid });
  },
  release: ({ key }) => held(key).release(),
  extend: ({ key, ms }) => held(key).extend(ms),
  status: ({ key }) => held(key).getStatus(),
  set: ({ key, value, options }) => redis.set(key, value, options ?? {}),
  get: ({ key }) => redis.get(key),
  del: ({ keys }) => redis.del(...keys),
  eval: ({ script, keys, args }) => redis.eval(script, keys, args),
  versions: () => ({ lock: version("@upstash/lock"), redis: version("@upstash/redis") }),
};

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    const command = JSON.parse(line);
    if (!Object.hasOwn(does, command.do)) throw new Error(`unknown command ${command.do}`);
    answer = { result: (await does[command.do](command)) ?? null };
  } catch (e) {
    answer = { error: String(e.message ?? e) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
process.exit(0); // fetch keeps its connections for a while
