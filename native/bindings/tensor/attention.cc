#include "cpu/attention.h"

#include "bindings/args.h"

using namespace scmoe;

namespace {

RopeStyle ropeStyle(const std::string& name) {
  if (name == "half") return RopeStyle::kHalf;
  return name == "interleaved" ? RopeStyle::kInterleaved : RopeStyle::kNone;
}

/// ([batch, queries, keys, heads, kvHeads, size], causal, rope, theta, scale) from argument `first` on.
AttentionShape shapeFrom(Args& args, size_t first) {
  const auto n = args.numbers(first);
  if (n.size() != 6) throw Error("attention: expected six dimensions, got " + std::to_string(n.size()));
  return {n[0], n[1], n[2], n[3], n[4], n[5], args.flag(first + 1), ropeStyle(args.text(first + 2)),
          args.number(first + 3), args.f(first + 4)};
}

}  // namespace

/// (q, k, v, out, logsumexp, ...shape)
SCMOE_EXPORT(attention) {
  attention(shapeFrom(args, 5), args.floats(0), args.floats(1), args.floats(2), args.floats(3), args.floats(4));
  return nullptr;
}

/// (dOut, q, k, v, out, logsumexp, dQ, dK, dV, ...shape)
SCMOE_EXPORT(attentionGrad) {
  attentionGrad(shapeFrom(args, 9), args.floats(0), args.floats(1), args.floats(2), args.floats(3), args.floats(4),
                args.floats(5), args.floats(6), args.floats(7), args.floats(8));
  return nullptr;
}
