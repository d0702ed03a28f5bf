import type { Strings } from "../en";

const count = (n: number): string => n.toLocaleString("de");

export const live: Strings["live"] = {
  write: "Prompts schreiben",
  writeNext: "Schreiben Sie selbst an die Modelle und vergleichen Sie, was sie antworten.",
  opening: "Das Gespräch wird geöffnet",
  failed: "Das Gespräch konnte nicht geöffnet werden",
  begin: "Beginnen Sie das Gespräch",
  beginNext:
    "Schreiben Sie, wobei Sie wirklich Hilfe möchten. Zwei Antworten wachsen zugleich; Sie vergleichen sie, und mit der besseren geht es weiter.",
  beginTrial: "Schreiben Sie etwas; die Antwort wächst hier. Nichts davon wird festgehalten.",
  yours: "Ihr Beitrag",
  placeholder: "An die Modelle schreiben",
  send: "Senden",
  sending: "Wird gesendet",
  tooLong: (most, found) =>
    `Höchstens ${count(most)} Zeichen passen hinein; es sind ${count(found)}.`,
  fresh: "Neues Gespräch",
  replies: "Antworten",
  queued: "Wartet, bis sie an der Reihe ist",
  writing: "Die Antworten werden geschrieben.",
  written: "Die Antworten sind da.",
  stuck:
    "Kein Worker ist da, der schreibt. Ihr Beitrag ist aufgehoben und wird beantwortet, sobald einer da ist.",
  again: "Noch einmal fragen",
  onItsWay: "Ihr Urteil ist unterwegs; weiter geht es, sobald es gespeichert ist.",
  over: "Dieses Gespräch ist zu Ende.",
  overNext: "Was Sie beantwortet haben, ist aufgehoben. Beginnen Sie ein neues, wann Sie mögen.",
  trial: "Ausprobieren: Nichts davon wird festgehalten.",
  follow: "Weiter mit",
  against: "Vergleichen mit",
  alone: "keinem anderen Modell",
  offer: "Annotierende daran schreiben lassen",
  offered: "Die Annotierenden des Projekts schreiben von nun an daran.",
  image: "Bild hinzufügen",
  imageSending: "Wird hochgeladen …",
  imageNew: "Das Bild, das Sie hinzufügen",
  imagesShown: "Bilder in Ihrem Text",
  imageAlt: "Was es zeigt, für alle, die es nicht sehen",
  imagePut: "Einfügen",
  imageLeave: "Weglassen",
  imageType: "Dieses Bild lässt sich nicht zeigen. PNG, JPEG, GIF, WebP und AVIF gehen.",
  imageSize: (most, found) =>
    `Höchstens ${most} MiB passen hinein; dieses hat ${count(Math.ceil(found))}. Verkleinern Sie es.`,
};
