import type { Strings } from "../en";

const count = (n: number): string => n.toLocaleString("es");

export const live: Strings["live"] = {
  write: "Escribir preguntas",
  writeNext: "Escriba usted a los modelos y compare lo que responden.",
  opening: "Abriendo la conversación",
  failed: "No se pudo abrir la conversación",
  begin: "Empiece la conversación",
  beginNext:
    "Escriba algo en lo que de verdad querría ayuda. Dos respuestas crecen a la vez; usted las compara y se sigue con la mejor.",
  beginTrial: "Escriba algo; la respuesta crece aquí. Nada de esto se registra.",
  yours: "Su turno",
  placeholder: "Escribir a los modelos",
  send: "Enviar",
  sending: "Enviando",
  tooLong: (most, found) => `Caben como máximo ${count(most)} caracteres; hay ${count(found)}.`,
  fresh: "Conversación nueva",
  replies: "Respuestas",
  queued: "Espera su turno",
  writing: "Las respuestas se están escribiendo.",
  written: "Las respuestas ya están.",
  stuck:
    "No hay ningún proceso que escriba. Su turno queda guardado y se responderá en cuanto haya uno.",
  again: "Pedir de nuevo",
  onItsWay: "Su respuesta está en camino; el turno siguiente se abre cuando quede guardada.",
  over: "Esta conversación ha terminado.",
  overNext: "Lo que respondió queda guardado. Empiece otra cuando quiera.",
  trial: "Prueba: nada de esto se registra.",
  follow: "Seguir con",
  against: "Comparar con",
  alone: "ningún otro modelo",
  offer: "Dejar que los anotadores le escriban",
  offered: "Los anotadores del proyecto le escriben desde ahora.",
  image: "Añadir una imagen",
  imageSending: "Subiendo …",
  imageNew: "La imagen que añade",
  imagesShown: "Imágenes de su texto",
  imageAlt: "Qué muestra, para quien no puede verla",
  imagePut: "Insertarla",
  imageLeave: "Dejarla",
  imageType: "Esta imagen no se puede mostrar. Sirven PNG, JPEG, GIF, WebP y AVIF.",
  imageSize: (most, found) =>
    `Caben como mucho ${most} MiB; esta tiene ${count(Math.ceil(found))}. Redúzcala.`,
};
