// @ts-check
/**
 * Puts the keyboard into the message of the form, where ipywidgets 7 has no call for that.
 *
 * It receives one message, without content: put it there. It sends none.
 */

/**
 * @typedef {{on: (event: string, call: () => void) => void,
 *   off: (event: string, call: () => void) => void}} Model
 */

/**
 * @param {{model: Model, el: HTMLElement}} given
 * @returns {() => void} what ends it
 */
function render({ model, el }) {
  const focus = () => el.closest(".asteroid-form")?.querySelector("textarea")?.focus();
  model.on("msg:custom", focus);
  return () => model.off("msg:custom", focus);
}

export default { render };
