#include "cpu/attention.h"

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

SCMOE_EXPORT(attentionBackward) {
  attentionBackward(shapeOf(call, args), args.dOut, args.q, args.k, args.v, args.mask, args.out, args.logsumexp,
                    args.dQ, args.dK, args.dV);
  return nullptr;
}
