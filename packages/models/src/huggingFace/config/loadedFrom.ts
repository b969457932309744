/** The `model_type` of the folder that a model was loaded from. */
const families = new WeakMap<object, string>();

/** Notes the family of a model. */
export function rememberFamily(model: object, modelType: string): void {
  families.set(model, modelType);
}

/** The `model_type` of the folder that a model was loaded from; undefined where it was made otherwise. */
export function familyLoadedFrom(model: object): string | undefined {
  return families.get(model);
}
