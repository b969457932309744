#include "cpu/attention.h"

#include "cpu/cached_attention.h"
#include "signatures/tensor/attention.h"

using namespace scmoe;

template <typename Arguments>
static AttentionShape shapeOf(const Call& call, const Arguments& args) {
  const bool turns = args.rope != RopeStyle::kNone;
  call.expect(args.heads % args.kvHeads == 0, "kvHeads", "a divisor of heads " + std::to_string(args.heads),
              args.kvHeads);
  call.expect(args.queries <= args.keys || !(args.causal || turns), "keys",
              "at least as many as queries " + std::to_string(args.queries) + " under a causal mask or rope",
              args.keys);
  call.expect(!turns || args.size % 2 == 0, "size", "an even number for rope", args.size);
  return {args.batch, args.queries, args.keys, args.heads, args.kvHeads,
          args.size,  args.causal,  args.rope, args.theta, static_cast<float>(args.scale)};
}

SCMOE_EXPORT(attention) {
  attention(shapeOf(call, args), args.q, args.k, args.v, args.mask, args.out, args.logsumexp);
  return nullptr;
}

SCMOE_EXPORT(cachedAttention) {
  call.expect(args.heads % args.kvHeads == 0, "kvHeads", "a divisor of heads " + std::to_string(args.heads),
              args.kvHeads);
  const bool turns = args.rope != RopeStyle::kNone;
  if (turns && !(args.cos && args.sin)) call.reject("cos", "tables for rope", "none");
  call.expect(!turns || 2 * args.pairs <= args.headSize, "pairs", "at most those of a head", args.pairs);
  std::vector<CachedPart> parts;
  int64_t tokens = 0;
  for (int64_t i = 0; i < args.parts; ++i) {
    const int64_t count = args.counts[i], held = args.held[i];
    call.expect(held >= 0, "held", "0 or more", held);
    call.expect(count >= 1 && count <= args.tokens - tokens, "counts", "1 to as many as there are tokens", count);
    call.expect(args.window == 0 || count == 1, "counts", "1 with a window", count);
    call.expect(!turns || held + count <= args.positions, "positions", std::to_string(held + count), args.positions);
    const int64_t room = (held + count) * args.kvHeads * args.headSize;
    for (const auto& [name, rows] : {std::pair("keys", &args.keys), std::pair("values", &args.values)})
      call.expect(rows->lengths[i] >= room, name,
                  "at least " + std::to_string(room) + " numbers in part " + std::to_string(i), rows->lengths[i]);
    parts.push_back({count, held, args.keys.data[i], args.values.data[i]});
    tokens += count;
  }
  call.expect(tokens == args.tokens, "tokens", "the sum of counts " + std::to_string(tokens), args.tokens);
  cachedAttention({args.heads, args.kvHeads, args.headSize, static_cast<float>(args.scale), args.window},
                  {args.rope, 2 * args.pairs, args.cos, args.sin}, parts, args.q, args.k, args.v, args.sinks, args.out);
  return nullptr;
}

SCMOE_EXPORT(attentionBackward) {
  attentionBackward(shapeOf(call, args), args.dOut, args.q, args.k, args.v, args.mask, args.out, args.logsumexp,
                    args.dQ, args.dK, args.dV);
  return nullptr;
}
