#include "signatures/tensor/copy.h"
#include "bindings/tensor/elements.h"
#include "cpu/cast.h"
#include "cpu/copy_past_caches.h"
#include "cpu/gather.h"
#include "cpu/select.h"
#include "cpu/strided_copy.h"

using namespace scmoe;

SCMOE_EXPORT(copyPastCaches) {
  copyPastCaches(args.source, args.target, args.bytes);
  return nullptr;
}

SCMOE_EXPORT(copyStrided) {
  const int bytes = elementBytes(args.source);
  copyStrided(bytes, static_cast<const char*>(args.source.data) + args.sourceOffset * bytes,
              static_cast<char*>(args.target.data) + args.targetOffset * bytes, args.walk);
  return nullptr;
}

SCMOE_EXPORT(cast) {
  cast(elementType(args.x), args.x.data, elementType(args.out), args.out.data, args.count);
  return nullptr;
}

SCMOE_EXPORT(select) {
  select(elementBytes(args.out), args.condition, args.whenTrue.data, args.whenFalse.data, args.out.data, args.count);
  return nullptr;
}

SCMOE_EXPORT(gather) {
  return toJs(call.env(), static_cast<double>(gather(elementBytes(args.x), args.x.data, args.indices, args.out.data,
                                                     args.batch, args.outer, args.dim, args.count, args.slice)));
}

SCMOE_EXPORT(gatherNd) {
  const SliceIndex index{args.depth, args.strides.data(), args.rows};
  return toJs(call.env(), static_cast<double>(gatherNd(elementBytes(args.x), args.x.data, args.indices, index,
                                                       args.out.data, args.count, args.slice)));
}

SCMOE_EXPORT(scatterAdd) {
  const SliceIndex index{args.depth, args.strides.data(), args.rows};
  return toJs(call.env(),
              static_cast<double>(scatterAdd(elementType(args.updates), args.indices, index, args.updates.data,
                                             args.out.data, args.count, args.slice, args.skipInvalid)));
}
