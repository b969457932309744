#pragma once
#include <cstddef>
#include <cstdint>

// What is used of XLA's typed FFI, by which a compiled program calls functions from outside: the layout of its C
// structs, written down here like TensorFlow's own. XLA keeps them for a major version, and asks each handler which one
// it was written for.
namespace scmoe::tensorflow::xla {

constexpr int kMajorVersion = 0;
constexpr int kMinorVersion = 2;

enum class Extension : int { kMetadata = 1 };
enum class DataType : int { kBool = 1, kInt32 = 4, kInt64 = 5, kFloat32 = 11 };
enum class AttributeType : int { kArray = 1, kScalar = 3 };
enum class Stage : int { kExecute = 3 };

struct Api;
struct Error;

struct ExtensionBase {
  size_t size;
  Extension type;
  ExtensionBase* next;
};

struct Span {
  const char* data;
  size_t length;
};

struct ApiVersion {
  size_t size;
  ExtensionBase* extension;
  int major, minor;
};

struct Buffer {
  size_t size;
  ExtensionBase* extension;
  DataType dtype;
  void* data;
  int64_t rank;
  int64_t* dims;
};

struct Scalar {
  DataType dtype;
  void* value;
};

struct Array {
  DataType dtype;
  size_t size;
  void* data;
};

/// The arguments of a call, or its results.
struct Buffers {
  size_t size;
  ExtensionBase* extension;
  int64_t count;
  int* types;
  Buffer** buffers;
};

/// By their names in order.
struct Attributes {
  size_t size;
  ExtensionBase* extension;
  int64_t count;
  AttributeType* types;
  Span** names;
  /// Each a Scalar or an Array, as its type says.
  void** values;
};

struct CallFrame {
  size_t size;
  ExtensionBase* extension;
  const Api* api;
  void* context;
  Stage stage;
  Buffers arguments;
  Buffers results;
  Attributes attributes;
  void* future;
};

using Handler = Error*(CallFrame*);

struct Registration {
  size_t size;
  ExtensionBase* extension;
  Span name;
  Span platform;
  Handler* instantiate;
  Handler* prepare;
  Handler* initialize;
  Handler* execute;
  uint32_t traits;
};

/// What a handler answers where a call has this extension: the version that it was written for.
struct Metadata {
  size_t size;
  ApiVersion version;
  uint32_t traits;
};
struct MetadataExtension {
  ExtensionBase base;
  Metadata* metadata;
};

struct MessageArguments {
  size_t size;
  ExtensionBase* extension;
  Error* error;
  const char* message;
};
struct DestroyArguments {
  size_t size;
  ExtensionBase* extension;
  Error* error;
};

struct Api {
  size_t size;
  ExtensionBase* extension;
  ApiVersion version;
  const void* internal;
  Error* (*createError)(void*);
  void (*messageOf)(MessageArguments*);
  void (*destroyError)(DestroyArguments*);
  Error* (*registerHandler)(Registration*);
};

}  // namespace scmoe::tensorflow::xla
