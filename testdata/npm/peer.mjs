// Real @upstash clients for locktop's tests. Commands come as JSON lines on stdin, and each is
// answered by one JSON line on stdout, in order: {"result": …} or {"error": "…"}.
//
//   {"do":"acquire","key":K,"lease":ms,"uuid":U}   @upstash/lock, one try → true or false; this process keeps the Lock
//   {"do":"release","key":K}                       that Lock's release → true or false
//   {"do":"extend","key":K,"ms":N}                 that Lock's extend → true or false
//   {"do":"status","key":K}                        that Lock's getStatus → "ACQUIRED" or "FREE"
//   {"do":"set","key":K,"value":V,"options":{}}    @upstash/redis
//   {"do":"get","key":K}   {"do":"del","keys":[K]}   {"do":"eval","script":S,"keys":[],"args":[]}
//   {"do":"psubscribe","pattern":P}   {"do":"subscribe","channel":C}   @upstash/redis's Subscriber → the confirmed count
//   {"do":"heard"}                                 what it heard next → {"pattern":P,"channel":C,"message":M}
//   {"do":"unsubscribe"}                           ends them
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

const subscribers = [];
const messages = []; // heard and not asked for
const waiting = []; // asked for and not heard

function hear(message) {
  if (waiting.length) waiting.shift()(message);
  else messages.push(message);
}

function listen(subscriber, confirmation, kind) {
  subscribers.push(subscriber);
  subscriber.on(kind, hear);
  return new Promise((resolve, reject) => {
    subscriber.on(confirmation, resolve);
    subscriber.on("error", (e) => (reject(e), hear({ error: String(e.message ?? e) })));
  });
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
  psubscribe: ({ pattern }) => listen(redis.psubscribe(pattern), "psubscribe", "pmessage"),
  subscribe: ({ channel }) => listen(redis.subscribe(channel), "subscribe", "message"),
  heard: () => (messages.length ? messages.shift() : new Promise((resolve) => waiting.push(resolve))),
  unsubscribe: () => Promise.all(subscribers.splice(0).map((s) => s.unsubscribe())),
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
