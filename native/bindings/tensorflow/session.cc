#include "signatures/tensorflow/session.h"

#include <cstdlib>
#include <cstring>
#include <memory>

#include "bindings/tensorflow/instance.h"
#include "bindings/tensorflow/operation_of.h"
#include "tensorflow/kernel_calls.h"

using namespace scmoe;
using namespace scmoe::tensorflow;

namespace {

Session& session(const Call& call) { return Instance::of(call.env()).session(); }

}  // namespace

SCMOE_EXPORT(tfOpen) {
  // Read by the libraries as they are loaded; what the user has set himself stays. Here and not in JavaScript, whose
  // process.env is a copy in a worker.
  constexpr int kKeep = 0;
  // Only errors: without it lines about CPU instructions, compilers and missing CUDA libraries.
  ::setenv("TF_CPP_MIN_LOG_LEVEL", "2", kKeep);
  if (!args.tf32) ::setenv("NVIDIA_TF32_OVERRIDE", "0", kKeep);
  Instance& instance = Instance::of(call.env());
  instance.open(Api::open(args.framework, args.library));
  return toJs(call.env(), instance.api().version);
}

SCMOE_EXPORT(tfStart) {
  Instance& instance = Instance::of(call.env());
  if (!instance.isStarted())
    instance.start(std::make_unique<Session>(instance.api(), args.config, static_cast<size_t>(args.numConfigBytes)));
  return toJs(call.env(), instance.session().devices());
}

SCMOE_EXPORT(tfSetDevice) {
  session(call).setDevice(args.name);
  return nullptr;
}

SCMOE_EXPORT(tfCreate) {
  const int32_t id =
      session(call).create(static_cast<int>(args.dtype), args.dims, args.data, static_cast<size_t>(args.numBytes));
  return toJs(call.env(), static_cast<double>(id));
}

SCMOE_EXPORT(tfCreateOver) {
  Instance& instance = Instance::of(call.env());
  // An operation on memory that begins elsewhere ends the process with a failed check.
  constexpr uintptr_t kAlignment = 64;
  const auto begin = reinterpret_cast<uintptr_t>(args.data);
  call.expect(begin % kAlignment == 0, "data", "memory that begins at a multiple of 64 bytes",
              static_cast<int64_t>(begin % kAlignment));
  constexpr size_t kDataIndex = 2;
  void* borrowed = instance.borrow(call.env(), call.value(kDataIndex));
  try {
    const int32_t id =
        instance.session().createOver(static_cast<int>(args.dtype), args.dims, const_cast<uint8_t*>(args.data),
                                      static_cast<size_t>(args.numBytes), &Instance::release, borrowed);
    return toJs(call.env(), static_cast<double>(id));
  } catch (const ArgumentError&) {
    // Refused before TensorFlow saw it; what TensorFlow refuses it has released.
    Instance::release(nullptr, 0, borrowed);
    throw;
  }
}

SCMOE_EXPORT(tfKernelCalls) {
  try {
    registerKernelCalls(Instance::of(call.env()).api().ffi, args.library);
    return toJs(call.env(), std::string());
  } catch (const Error& error) {
    return toJs(call.env(), std::string(error.what()));
  }
}

SCMOE_EXPORT(tfExecute) {
  Results results(args.results, args.capacity);
  return toJs(call.env(), static_cast<double>(session(call).execute(operationOf(args), results)));
}

SCMOE_EXPORT(tfDescribe) {
  Results results(args.results, args.capacity);
  const auto id = static_cast<int32_t>(args.id);
  results.add(id, session(call).describe(id));
  return nullptr;
}

SCMOE_EXPORT(tfRead) {
  napi_value buffer = nullptr;
  session(call).read(static_cast<int32_t>(args.id), [&](const void* data, size_t bytes) {
    void* memory = nullptr;
    if (napi_create_arraybuffer(call.env(), bytes, &memory, &buffer) == napi_ok && bytes > 0)
      std::memcpy(memory, data, bytes);
  });
  if (!buffer) throw Error("reading a tensor: there is no memory for its elements");
  return buffer;
}

SCMOE_EXPORT(tfAllocate) {
  return toJs(call.env(), static_cast<double>(session(call).allocate(static_cast<int>(args.dtype), args.dims)));
}

SCMOE_EXPORT(tfPart) {
  const int32_t id = session(call).part(static_cast<int32_t>(args.id), static_cast<size_t>(args.first), args.dims);
  return toJs(call.env(), static_cast<double>(id));
}

SCMOE_EXPORT(tfView) {
  const Session::View view = session(call).view(static_cast<int32_t>(args.id));
  napi_value buffer = nullptr;
  // A tensor without elements may have no address.
  if (view.bytes == 0) {
    view.release(view.holder);
    if (napi_create_arraybuffer(call.env(), 0, nullptr, &buffer) == napi_ok) return buffer;
  } else {
    const auto release = [](napi_env, void*, void* hint) {
      const std::unique_ptr<Session::View> held(static_cast<Session::View*>(hint));
      held->release(held->holder);
    };
    auto held = std::make_unique<Session::View>(view);
    if (napi_create_external_arraybuffer(call.env(), view.data, view.bytes, release, held.get(), &buffer) == napi_ok) {
      held.release();  // the buffer's now
      return buffer;
    }
    view.release(view.holder);
  }
  throw Error("a view of a tensor: there is no memory for it");
}

SCMOE_EXPORT(tfDelete) {
  Instance& instance = Instance::of(call.env());
  instance.session().remove(static_cast<int32_t>(args.id));
  instance.collect(call.env());
  return nullptr;
}

SCMOE_EXPORT(tfLive) { return toJs(call.env(), static_cast<double>(session(call).live())); }

SCMOE_EXPORT(tfPointer) {
  // An address of a process has 47 bits, or 56 where it asks for them at a high address: a double holds 53.
  const auto address = reinterpret_cast<uintptr_t>(session(call).pointer(static_cast<int32_t>(args.id)));
  return toJs(call.env(), static_cast<double>(address));
}
