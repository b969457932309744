#include <string>

#include "bindings/mapped_files.h"
#include "cpu/stored_layers.h"
#include "cpu/transposed_weight.h"
#include "signatures/tensor/transposed_weight.h"

using namespace scmoe;

namespace {

/// Matrices of so many numbers each. @throws ArgumentError where one is shorter, or its numbers lie between two places
StoredWeight transposed(const Call& call, const char* name, const ArrayList<const uint8_t>& weight, WeightFormat format,
                        int64_t numbers) {
  const int64_t size = format == WeightFormat::kFloat32 ? 4 : 2;
  for (size_t i = 0; i < weight.data.size(); ++i) {
    const std::string each = "number " + std::to_string(i) + " of ";
    call.expect(weight.lengths[i] / size >= numbers, name,
                each + "at least " + std::to_string(numbers) + " numbers of " + std::to_string(size) + " bytes",
                weight.lengths[i]);
    call.expect(reinterpret_cast<uintptr_t>(weight.data[i]) % size == 0, name,
                each + "an address that " + std::to_string(size) + " divides, not one with the rest",
                static_cast<int64_t>(reinterpret_cast<uintptr_t>(weight.data[i]) % size));
  }
  return {format, nullptr, nullptr, reinterpret_cast<const void* const*>(weight.data.data())};
}

template <typename Arguments>
ExpertRows expertRows(const Arguments& args) {
  return {args.numExperts, args.rows, args.d, args.f, args.capacity, args.counts};
}

}  // namespace

SCMOE_EXPORT_UNCAPTURED(expandTransposed) {
  const StoredWeight weight = transposed(call, "weight", args.weight, args.format, args.dIn * args.dOut);
  expandWeight(args.count, args.dIn, args.dOut, weight, args.to);
  for (size_t i = 0; i < args.weight.data.size(); ++i) forgetMapped(args.weight.data[i], args.weight.lengths[i]);
  return nullptr;
}

SCMOE_EXPORT_UNCAPTURED(putInPanels) {
  const StoredWeight weight = transposed(call, "weight", args.weight, args.format, args.dIn * args.dOut);
  const bool isFloat = args.to.type == napi_float32_array;
  if (isFloat != (args.format == WeightFormat::kFloat32))
    call.reject("to", isFloat ? "a Uint16Array for bf16" : "a Float32Array for float32",
                isFloat ? "a Float32Array" : "a Uint16Array");
  putInPanels(args.count, args.dIn, args.dOut, weight, args.to.data);
  for (size_t i = 0; i < args.weight.data.size(); ++i) forgetMapped(args.weight.data[i], args.weight.lengths[i]);
  return nullptr;
}

SCMOE_EXPORT(transposedLinear) {
  const StoredWeight weight = transposed(call, "weight", args.weight, args.format, args.dIn * args.dOut);
  storedLinear(args.rows, args.dIn, args.dOut, args.x, weight, args.bias, args.activation, args.float32, args.y);
  return nullptr;
}

SCMOE_EXPORT(transposedGroupedFfn) {
  const int64_t numbers = args.d * args.f;
  storedGroupedFfn(expertRows(args), args.x, transposed(call, "w1", args.w1, args.w1Format, numbers), args.b1,
                   transposed(call, "w2", args.w2, args.w2Format, numbers), args.b2, args.activation, args.y);
  return nullptr;
}

SCMOE_EXPORT(transposedGroupedSwiglu) {
  const int64_t numbers = args.d * args.f;
  storedGroupedSwiglu(expertRows(args), args.x, transposed(call, "gate", args.gate, args.gateFormat, numbers),
                      transposed(call, "up", args.up, args.upFormat, numbers),
                      transposed(call, "down", args.down, args.downFormat, numbers), args.y);
  return nullptr;
}
