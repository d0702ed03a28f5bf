/** stub until the words settle. */
import { en, type Strings } from "./en";

export const zh: Strings = en;
